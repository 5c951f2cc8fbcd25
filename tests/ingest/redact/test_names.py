"""What names promise."""

import pytest

from ingest.redact.names import promise


@pytest.mark.parametrize(
    ("promised", "names"),
    [
        (
            "password",
            "password DB_PASSWORD dbPassword db.password user_pass PGPASSWORD MYSQL_PWD ldap-bind-pw passphrase",
        ),
        ("password", "password1 new_password PASSWORD_PROD keyStorePassword spring.datasource.password SSHPASS"),
        (
            "secret",
            "token GITHUB_TOKEN authToken api_key apiKey X-Api-Key client-secret SecretAccessKey AccountKey TLS_KEY",
        ),
        ("secret", "DATADOG_APP_KEY private_key SECRET_KEY_BASE jwt credentials token_secret accesskey"),
        ("weak", "key auth sessionid foo_key tokens"),
        ("code", "otp mfa_code verification_code"),
        ("none", "password_file secretName token_url max_tokens tokens_per_minute password_min_length keyboard monkey"),
        (
            "none",
            "csrf_token nextToken partition_key public_key primaryKey key_id access_key_id secretKeyRef token_type",
        ),
        ("none", "password_policy passwordChangedAt author bypass compass passed tokenizer password_hash"),
    ],
)
def test_a_name_promises_what_its_words_say(promised: str, names: str) -> None:
    """In any way of writing; words behind the last telling one can take the promise back."""
    told = {name: promise(name.encode()) for name in names.split()}
    assert told == dict.fromkeys(told, promised)
