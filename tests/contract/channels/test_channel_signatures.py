"""Signatures, proven with the examples that the providers publish."""

import base64
import hashlib
import hmac

from server.notifications.channels import aliyun, dingtalk, feishu, tencent_sms


def test_acs3_is_that_of_the_published_example() -> None:
    """Aliyun, "V3 request body and signature": RunInstances."""
    query = aliyun.query_of(
        {
            "RegionId": "cn-shanghai",
            "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
        }
    )
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-version": "2014-05-26",
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
    }
    signed = aliyun.sign(
        method="POST",
        query=query,
        headers=headers,
        access_key_id="YourAccessKeyId",
        secret="YourAccessKeySecret",
    )
    assert signed == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;"
        "x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_acs3_escapes_as_rfc_3986_demands() -> None:
    query = aliyun.query_of({"b": "+86 1*~/中", "a": '{"x":"y"}'})
    assert query == "a=%7B%22x%22%3A%22y%22%7D&b=%2B86%201%2A~%2F%E4%B8%AD"


def test_tc3_is_that_of_the_published_example() -> None:
    """Tencent Cloud, "Signature v3": DescribeInstances, with its masked keys as they stand."""
    body = (
        b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    )
    signed = tencent_sms.sign(
        secret_id="AKID********************************",
        secret_key="********************************",
        host="cvm.tencentcloudapi.com",
        service="cvm",
        action="DescribeInstances",
        body=body,
        timestamp_s=1551113065,
    )
    assert signed == (
        "TC3-HMAC-SHA256 Credential=AKID********************************/2019-02-25/cvm/tc3_request"
        ", SignedHeaders=content-type;host;x-tc-action, "
        "Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
    )


def test_dingtalk_signs_time_and_secret_with_the_secret() -> None:
    text = b"1795000000123\nSECabc"
    expected = base64.b64encode(hmac.new(b"SECabc", text, hashlib.sha256).digest()).decode()
    assert dingtalk.sign("SECabc", timestamp_ms=1795000000123) == expected


def test_feishu_signs_nothing_with_time_and_secret() -> None:
    """The inverse of DingTalk's, and in seconds."""
    key = b"1795000000\nSECabc"
    expected = base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
    assert feishu.sign("SECabc", timestamp_s=1795000000) == expected
    assert feishu.sign("SECabc", timestamp_s=1795000000) != dingtalk.sign(
        "SECabc", timestamp_ms=1795000000
    )
