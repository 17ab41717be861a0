import com.example.auth.AuthType
import com.example.auth.HashingFunction

/* A desk's preferences,
   in the form that the original documentation shows. */
security {
    sessionTimeoutMins = 45 // three quarters of an hour
    refreshTokenExpirationMins = 2_880
    maxSimultaneousUserLogins = 2
    tokenCache = 7

    authentication {
        type = AuthType.INTERNAL
        genesisPassword {
            validation {
                passwordSalt = "a \"desk's\" salt"
                passwordStrength {
                    minimumLength = 10
                    maximumLength = null
                    restrictWhiteSpace = false
                    restrictQWERTY = true
                    illegalCharacters = "\$^"
                    historicalCheck = 5
                    passwordExpiryDays = "ninety"
                }
            }
            retry {
                maxAttempts = 4
                waitTimeMins = 1.5
            }
        }
    }

    sso {
        enabled = false
    }

    loginAck(USER_ATTRIBUTES) {
        loadRecord { UserAttributes.byUserName(userName) }
        fields {
            CITY
            COUNTRY withPrefix "DESK"
            SHOE_SIZE
        }
    }

    mfa {
        qrCode {
            codeDigits = 8
            hashingAlgorithm = HashingFunction.SHA512
            secretEncryptKey = null
        }
        notify {
            loginUrl = "https://desk.example/login"
            tempCodeExpiryDuration = Duration.ofMinutes(15)
        }
    }

    selfServiceReset {
        timeoutInMinutes = 20
        acceptClientUrl = false
        resetMessage {
            subject = "Your password, {{ USER.firstName }}"
        }
    }

    authentication {
        ldap {
            connection {
                url = "ldap.desk.example"
                port = 636
                searchBase {
                    searchBase("ou=people,dc=desk")
                    searchBase("ou=staff,dc=desk")
                }
                userGroups {
                    userGroup("traders")
                }
                bindDn = null
                useTLS = true
                onFirstLogin {
                    createUser { token -> User { userName = token.name } }
                }
            }
            connection {
                url = "second.desk.example"
                userGroups {
                }
            }
        }
    }

    customLoginAck { user ->
        profiles += listOf("EVERYBODY")
        if(user.userName == "Risk") {
            permissions += listOf("LIMIT_VIEW",
                "LIMIT_AMEND")
            permissions -= listOf("ORDEN")
            userPreferences = userPreferences.apply {
                setString("THEME", "DARK")
                setInteger("ROWS", 50)
            }
        }
        user.sendMail()
    }
}
