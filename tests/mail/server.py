"""A mail server that wants STARTTLS and a login: server.py PORT CERTIFICATE KEY USER PASSWORD.

Each mail is printed as one line of JSON.
"""

import json
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class Keep:
    async def handle_DATA(self, server, session, envelope):
        mail = {"to": envelope.rcpt_tos, "text": envelope.content.decode("utf8", "replace")}
        print(json.dumps(mail), flush=True)
        return "250 OK"


def check(server, session, envelope, mechanism, data):
    wanted = LoginPassword(sys.argv[4].encode(), sys.argv[5].encode())
    return AuthResult(success=data == wanted, handled=True)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
controller = Controller(
    Keep(),
    hostname="127.0.0.1",
    port=int(sys.argv[1]),
    tls_context=context,
    require_starttls=True,
    auth_required=True,
    authenticator=check,
)
controller.start()
while True:
    time.sleep(60)
