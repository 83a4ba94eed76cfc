"""The words of the residents' pages, in Chinese and English."""

from typing import Final

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "title": ("居民报修", "Ask for a repair"),
    "other_language": ("English", "中文"),
    "intro": ("请填写, 我们会尽快联系您。", "Tell us what is wrong. We will be in touch."),
    "emergency": (
        "如有人员受困、火情或触电, 请立即拨打 119、120 或物业值班电话。",
        "If somebody is trapped, or there is fire or a live wire, call 119, 120 or the duty room.",
    ),
    "room": ("房号", "Room"),
    "room_hint": ("例如 3-2-501", "For example 3-2-501"),
    "fault": ("故障", "What is wrong"),
    "choose": ("请选择", "Choose"),
    "text": ("说明 (选填)", "More about it (optional)"),
    "name": ("称呼", "Your name"),
    "phone": ("电话", "Your telephone"),
    "wished": ("希望上门时间 (选填)", "When should we come? (optional)"),
    "privacy": (
        "姓名和电话只给处理此事的人看, 到期删除。",
        "Only those who take care of it see your name and number. They are deleted afterwards.",
    ),
    "send": ("提交", "Send"),
    "wrong_room": (
        "此处没有这个房号, 请核对。",
        "There is no such room here. Please look at the number again.",
    ),
    "wrong_fault": ("请选择故障。", "Please choose what is wrong."),
    "wrong_name": ("请填写称呼。", "Please write your name."),
    "wrong_phone": ("请核对电话号码。", "Please look at the telephone number again."),
    "wrong_wished": ("请选择将来的时间。", "Please choose a time to come."),
    "stale": (
        "页面打开太久, 内容已保留, 请再提交一次。",
        "The page was open for too long. What you wrote is kept: please send it once more.",
    ),
    "correct": ("还没有提交, 请改正:", "It was not sent yet. Please correct:"),
    "too_many": (
        "提交过多, 请稍后再试, 或拨打物业电话。",
        "Too many requests came from here. Please try later, or call the estate.",
    ),
    "gone": (
        "此链接无效或已结束, 请联系物业。",
        "This address leads nowhere, or its request is over. Please call the estate.",
    ),
    "status": ("报修进度", "Your repair"),
    "thanks": (
        "已收到。请收藏此页查看进度。",
        "We have it. Keep this page: it shows what becomes of it.",
    ),
    "reported": ("报修时间", "Reported"),
    "comes": ("上门时间", "Somebody comes"),
    "step_received": ("已受理", "Received"),
    "step_taken": ("已接单", "Somebody has taken it"),
    "step_working": ("维修中", "Being repaired"),
    "step_done": ("已完成, 我们将电话回访", "Done; we will call you"),
    "step_closed": ("已回访", "Closed"),
    "waits": (
        "正在等待配件、专业单位或与您约定的时间。",
        "It waits for parts, a specialist, or a time that suits you.",
    ),
    "cancelled": (
        "已取消。如有疑问请联系物业。",
        "Cancelled. Please call the estate if it is not.",
    ),
    "photo": ("添加照片", "Add a photo"),
    "photo_send": ("上传照片", "Send the photo"),
    "photos": ("已收到照片: {n}", "Photos that we have: {n}"),
    "wrong_photo": (
        "照片未收到: 请选择 10 MB 以内的 JPEG、PNG 或 WebP 图片。",
        "The photo did not arrive: choose a JPEG, PNG or WebP of 10 MB at most.",
    ),
}


class Words:
    """The words in one language."""

    def __init__(self, language: str) -> None:
        self.language = "en" if language == "en" else "zh"
        self._index = 1 if self.language == "en" else 0

    def __call__(self, word: str) -> str:
        """Return the words for something."""
        return _WORDS[word][self._index]

    def pick(self, english: str, chinese: str) -> str:
        """Return the one in this language, else the other one."""
        first, second = (english, chinese) if self._index else (chinese, english)
        return first or second
