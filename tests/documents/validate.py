"""Checks openapi.json and asyncapi.json with public validators; says what is wrong and fails."""

import json
import pathlib
import sys

import jsonschema
from openapi_spec_validator import validate

openapi, asyncapi, specification = (json.loads(pathlib.Path(p).read_text()) for p in sys.argv[1:])
validate(openapi)
# The published schema refers to itself by addresses that it bundles under "definitions".
jsonschema.validate(asyncapi, specification)
print("valid")
