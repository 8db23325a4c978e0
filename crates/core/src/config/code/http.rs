//! The codes about serving over HTTP.

use super::Code;
use crate::problem::Level;

codes! {
    Error HTTP_NOT_OBJECT "`http` is not an object"
        "write an object, or remove `http`";
    Error INVALID_HTTP_ADDRESS "`http.host` is not an IP address or `localhost`, or `http.port` is not a whole number from 1 to 65535"
        "write `\"host\": \"127.0.0.1\", \"port\": 8766`, or remove them";
    Error INVALID_ALLOWED_HOST "`http.allowed_hosts` is not a list of host names, or is empty"
        "list names as clients send them in `Host`, such as `agents.example.com` or `agents.example.com:8443`, without scheme, path or wildcard";
    Error INVALID_ALLOWED_ORIGIN "`http.allowed_origins` is not a list of origins, or is empty"
        "list origins as browsers send them, such as `https://app.example.com`, without path or wildcard";
    Error HTTP_TOKENS_NOT_LIST "`http.tokens` is not a list, or is empty"
        "list tokens with `name`, `token_env`, `tenant_id` and `principal`, or remove `tokens`";
    Error HTTP_TOKEN_NOT_OBJECT "an entry of `http.tokens` is not an object"
        "write an object with `name`, `token_env`, `tenant_id` and `principal`";
    Error INVALID_HTTP_TOKEN "a token's `name`, `tenant_id` or `principal` is missing or blank, or its name is not a plain name"
        "give a `name` of letters, digits, `_`, `.` and `-`, and the `tenant_id` and `principal` that the token stands for";
    Error HTTP_TOKEN_ENV_REQUIRED "a token's `token_env` is missing or is not the name of an environment variable"
        "name the variable that holds the token, such as `SUPPORT_AGENT_TOKEN`; never the token itself";
    Error INVALID_HTTP_SCOPE "a token's `scopes` is not a list of scopes, or is empty"
        "list `read`, `propose` or both, or remove `scopes` to grant both";
    Error DUPLICATE_HTTP_TOKEN "two tokens have the same `name` or the same `token_env`, so that nobody could say whom one stands for"
        "give each token a name and a variable of its own";
    Error HTTP_JWT_NOT_OBJECT "`http.jwt` is not an object"
        "write an object with `issuer`, `audience`, `tenant_claim` and either `jwks_file` or `jwks_url`";
    Error INVALID_JWT_RULE "`issuer`, `audience` or `tenant_claim` of `http.jwt` is missing, or a field of it is blank or out of bounds"
        "give the `iss` and `aud` that tokens must have and the claim that holds the tenant; `leeway_s` is at most 60";
    Error JWT_KEYS_REQUIRED "`http.jwt` has neither `jwks_file` nor `jwks_url`, or has both"
        "name the issuer's keys in one of them";
    Error INVALID_JWKS_URL "`http.jwt.jwks_url` is neither an `https` address nor an `http` address on loopback, or holds a user name"
        "give an address such as `https://id.example.com/.well-known/jwks.json`";
    Error INVALID_JWT_ALGORITHM "`http.jwt.algorithms` is not a list of signature algorithms, or is empty"
        "list `RS256`, `ES256` or `EdDSA`, or remove `algorithms` to accept all three";
    Error HTTP_TLS_NOT_OBJECT "`http.tls` is not an object"
        "write `{\"cert_file\": \"server.pem\", \"key_file\": \"server.key\"}`, or remove `tls`";
    Error INVALID_TLS_FILE "`cert_file` or `key_file` of `http.tls` is missing, blank or not text"
        "give the paths of two PEM files: the certificate chain and its private key";
    Error HTTP_LIMITS_NOT_OBJECT "`http.limits` is not an object"
        "write an object such as `{\"concurrent\": 256}`, or remove `limits`";
    Error INVALID_HTTP_LIMIT "a field of `http.limits` is not a whole number within its bounds"
        "give a number within the bounds that the message names, or remove it to use the default";
    Error HTTP_CLAIMS_WITHOUT_CLIENTS "a context has the provider `http_claims`, but the file names no clients that could prove anything"
        "configure `http.jwt` or `http.tokens`, or use the provider `environment`";
}
