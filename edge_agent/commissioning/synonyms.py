"""The words of point tables, Chinese and English, as integrators write them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

from config.points import DataType, Order, Table

Meaning = TypeVar("Meaning")


class Column(StrEnum):
    """What a column of a point table says."""

    POINT = "point"
    NAME = "name"
    ENGLISH = "english"
    TABLE = "table"
    ADDRESS = "address"
    TYPE = "type"
    ORDER = "order"
    BIT = "bit"
    LENGTH = "length"
    SCALE = "scale"
    OFFSET = "offset"
    UNIT = "unit"
    STATES = "states"
    ACCESS = "access"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    PERIOD = "period"
    DEADBAND = "deadband"
    NOTE = "note"


COLUMNS: Final = {
    Column.POINT: (
        "点名 点标识 标识 标识符 变量名 变量 标签 点代码 point pointid tag tagname "
        "variable id identifier key"
    ),
    Column.NAME: (
        "名称 点位名称 点位 测点名称 测点 信号名称 参数名称 参数 中文名称 中文名 描述 "
        "点描述 数据名称 内容 name description signal parameter label"
    ),
    Column.ENGLISH: "英文名称 英文名 英文描述 english englishname nameen",
    Column.TABLE: (
        "功能码 读功能码 功能号 寄存器类型 寄存器区 区域 数据区 存储区 function "
        "functioncode fc table registertype area"
    ),
    Column.ADDRESS: (
        "地址 寄存器地址 起始地址 点地址 通讯地址 通信地址 寄存器 寄存器号 modbus地址 "
        "address addr register registeraddress startaddress modbusaddress"
    ),
    Column.TYPE: "数据类型 类型 数据格式 格式 变量类型 type datatype format",
    Column.ORDER: "字节序 字节顺序 字序 大小端 order byteorder wordorder endian endianness",
    Column.BIT: "位 位号 位地址 bit bitnumber",
    Column.LENGTH: (
        "长度 寄存器数 寄存器数量 寄存器个数 数据长度 字数 数量 length count registers "
        "words size quantity"
    ),
    Column.SCALE: (
        "系数 倍率 比例 比例系数 缩放 缩放系数 乘数 倍数 精度 分辨率 scale factor "
        "multiplier gain resolution"
    ),
    Column.OFFSET: "偏移 偏移量 零点 基数 offset",
    Column.UNIT: "单位 工程单位 unit units engunit",
    Column.STATES: "状态 状态说明 枚举 枚举值 取值 取值说明 值说明 states enum values",
    Column.ACCESS: "读写 读写属性 读写权限 权限 属性 访问 access rw readwrite mode permission",
    Column.MINIMUM: "最小值 下限 最小 量程下限 min minimum low",
    Column.MAXIMUM: "最大值 上限 最大 量程上限 max maximum high",
    Column.PERIOD: "周期 采集周期 扫描周期 轮询周期 采样周期 period interval scan poll periods",
    Column.DEADBAND: "死区 变化阈值 上报阈值 deadband",
    Column.NOTE: "备注 说明 注释 note notes remark remarks comment comments",
}
"""Heads of columns."""

TYPES: Final = {
    DataType.BOOL: "bool boolean 布尔 布尔型 布尔量 开关量 开关 di do coil 线圈",
    DataType.BIT: "bit 位 按位",
    DataType.INT16: (
        "int16 int short sint16 signed16 signed s16 i16 16位有符号 有符号16位 有符号 "
        "短整型 有符号整型 有符号整数 16位有符号整数 整型 整数"
    ),
    DataType.UINT16: (
        "uint16 uint ushort unsigned16 unsigned u16 word 16位无符号 无符号16位 无符号 "
        "无符号整型 无符号整数 16位无符号整数 字"
    ),
    DataType.INT32: (
        "int32 dint long longint sint32 signed32 s32 i32 32位有符号 有符号32位 长整型 "
        "32位有符号整数 双整型"
    ),
    DataType.UINT32: (
        "uint32 udint ulong dword unsigned32 u32 32位无符号 无符号32位 无符号长整型 "
        "32位无符号整数 双字"
    ),
    DataType.INT64: "int64 lint longlong s64 i64 64位有符号 有符号64位",
    DataType.UINT64: "uint64 ulint qword u64 64位无符号 无符号64位",
    DataType.FLOAT32: (
        "float32 float real single f32 浮点 浮点数 浮点型 单精度 单精度浮点 单精度浮点数 "
        "32位浮点 32位浮点数"
    ),
    DataType.FLOAT64: "float64 double lreal f64 双精度 双精度浮点 双精度浮点数 64位浮点 64位浮点数",
    DataType.BCD16: "bcd16 bcd bcd码",
    DataType.BCD32: "bcd32 32位bcd",
    DataType.ENUM: "enum 枚举",
    DataType.STRING: "string ascii text 字符串 字符 文本",
}
"""Data types."""

ORDERS: Final = {
    Order.ABCD: "abcd 1234 ab big bigendian be 大端 大端模式 高字节在前 高字在前 高位在前 正序",
    Order.CDAB: "cdab 3412 低字在前 字交换 wordswap wordswapped littleendianbyteswap",
    Order.BADC: "badc 2143 ba 字节交换 byteswap byteswapped bigendianbyteswap",
    Order.DCBA: "dcba 4321 little littleendian le 小端 小端模式 低字节在前 低位在前 反序",
}
"""Orders of bytes and words."""

TABLES: Final = {
    Table.COIL: "coil coils 1 01 0x 线圈 线圈状态 继电器",
    Table.DISCRETE: "discrete discreteinput di 2 02 1x 离散 离散输入 离散量输入 输入状态",
    Table.HOLDING: "holding holdingregister hr 3 03 4x 保持 保持寄存器",
    Table.INPUT: "input inputregister ir 4 04 3x 输入 输入寄存器",
}
"""Tables and the functions that read them."""

READ_ONLY: Final = "r ro read readonly 只读 读 遥测 遥信"
WRITABLE: Final = "rw w wo write readwrite 读写 可读写 可写 只写 写 遥控 遥调"

UNITS: Final = {
    "°C": "c degc °c 摄氏度 度",
    "%": "%rh",
    "kW": "kw 千瓦",
    "kWh": "kwh 千瓦时 kw·h",
    "kVA": "kva",
    "kvar": "kvar",
    "Pa": "pa",
    "kPa": "kpa 千帕",
    "MPa": "mpa 兆帕",
    "Hz": "hz 赫兹",
    "V": "v 伏",
    "A": "a 安",
    "m³": "m3 立方米",
    "m³/h": "m3/h 立方米/小时",
    "m": "m 米",
    "t": "t 吨",
    "h": "h 小时",
    "s": "s 秒",
    "rpm": "rpm r/min 转/分",
}
"""Units in their usual spelling."""


def by_word(words: Mapping[Meaning, str]) -> dict[str, Meaning]:
    """Turn a table of this module round: word to meaning."""
    return {word: meaning for meaning, texts in words.items() for word in texts.split()}
