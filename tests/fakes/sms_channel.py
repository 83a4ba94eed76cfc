"""The settings of a channel for short messages, where a test only needs one."""

SMS = {
    "kind": "aliyun_sms",
    "access_key_id": "id",
    "access_key_secret_file": "secret",
    "template": "SMS_1",
    "sign_name": "Plantroom",
}
