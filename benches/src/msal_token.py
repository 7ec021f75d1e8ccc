"""Prints an app-only token from MSAL's cache in a file; fetches one if the cache is cold."""

import os
import sys

import msal

authority, client, secret, file, ca = sys.argv[1:]
cache = msal.SerializableTokenCache()
if os.path.exists(file):
    with open(file) as kept:
        cache.deserialize(kept.read())
app = msal.ConfidentialClientApplication(
    client,
    authority=authority,
    client_credential=secret,
    token_cache=cache,
    instance_discovery=False,
    verify=ca,
)
answer = app.acquire_token_for_client(["https://outlook.office365.com/.default"])
if cache.has_state_changed:
    with open(file, "w") as kept:
        kept.write(cache.serialize())
if "access_token" not in answer:
    sys.exit(answer.get("error_description", "no token"))
print(answer["access_token"])
