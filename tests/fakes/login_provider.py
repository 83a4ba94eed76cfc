"""A small OpenID Connect provider: a process of its own with uvicorn, ID tokens really signed.

What it does wrong is told to it by ``POST /misbehave``; ``GET /authorize`` answers as after a
login of a person. Run as ``python -m tests.fakes.login_provider PORT``.
"""

import base64
import hashlib
import sys
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "plantroom", "s3cret of the client"


def application(issuer: str) -> FastAPI:  # noqa: C901 (one small page of endpoints)
    """Return the provider."""
    app = FastAPI()
    keys = [RSAKey.generate_key(2048, auto_kid=True)]
    codes: dict[str, dict[str, Any]] = {}
    wrong: dict[str, Any] = {}

    @app.get("/.well-known/openid-configuration")
    def metadata() -> Any:
        return {
            "issuer": wrong.get("issuer", issuer),
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }

    @app.get("/keys")
    def public_keys() -> Any:
        return KeySet(list(keys)).as_dict(private=False)

    @app.post("/misbehave")
    async def misbehave(request: Request) -> Any:
        wrong.clear()
        wrong.update(await request.json())
        if wrong.pop("new_key", False):
            keys[:] = [RSAKey.generate_key(2048, auto_kid=True)]
        return {}

    @app.get("/authorize")
    def authorize(request: Request) -> Any:
        asked = dict(request.query_params)
        code = hashlib.sha256(asked["state"].encode()).hexdigest()
        codes[code] = asked
        answer = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{answer}", 302)

    @app.post("/token")
    async def token(request: Request) -> Any:
        form = dict(parse_qsl((await request.body()).decode()))
        code, authorization = form["code"], request.headers.get("authorization", "")
        expected = base64.b64encode(f"{CLIENT}:{SECRET.replace(' ', '%20')}".encode()).decode()
        if authorization != f"Basic {expected}" or form["grant_type"] != "authorization_code":
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = codes.pop(code, None)  # good once
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["code_challenge_method"] != "S256"
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": issuer,
            "sub": "subject-of-wang",
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "email": "wang@estate.example",
            "email_verified": True,
            **{name[6:]: value for name, value in wrong.items() if name.startswith("claim_")},
        }
        if "expired_s" in wrong:
            claims |= {"iat": now - 900, "exp": now - wrong["expired_s"]}
        key = RSAKey.generate_key(2048, auto_kid=True) if wrong.get("foreign_key") else keys[0]
        header = {"alg": "RS256", "kid": keys[0].kid}
        signed = jwt.encode(header, claims, key)
        if wrong.get("unsigned"):
            signed = jwt.encode({"alg": "none"}, claims, None, algorithms=["none"])
        return {"access_token": "a", "token_type": "Bearer", "id_token": signed}

    return app


if __name__ == "__main__":
    port = int(sys.argv[1])
    uvicorn.run(
        application(f"http://127.0.0.1:{port}"), host="127.0.0.1", port=port, log_level="warning"
    )
