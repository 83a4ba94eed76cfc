"""The roles that a column of a point table can have, and the words that head them (data)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Role(StrEnum):
    """What a column of a point table says."""

    POINT = "point"
    NAME = "name"
    ENGLISH = "english"
    UNIT_NUMBER = "unit-number"
    DEVICE = "device"
    TABLE = "table"
    WRITE_FUNCTION = "write-function"
    SIGNAL = "signal"
    ADDRESS = "address"
    LAST = "last-address"
    TYPE = "type"
    SIGN = "sign"
    BITS = "bits"
    ORDER = "order"
    BYTE_ORDER = "byte-order"
    WORD_ORDER = "word-order"
    BIT = "bit"
    BYTE = "byte"
    LENGTH = "length"
    SCALE = "scale"
    DIVISOR = "divisor"
    DECIMALS = "decimals"
    OFFSET = "offset"
    FORMULA = "formula"
    UNIT = "unit"
    STATES = "states"
    INVALID = "invalid"
    ACCESS = "access"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    RANGE = "range"
    PLAUSIBLE = "plausible"
    RAW_MINIMUM = "raw-minimum"
    RAW_MAXIMUM = "raw-maximum"
    SCALE_FROM = "scale-from"
    DECIMALS_FROM = "decimals-from"
    RATIO_FROM = "ratio-from"
    ENCODING = "encoding"
    INVERTED = "inverted"
    OTHERWISE = "otherwise"
    STATE_WORDS = "state-words"
    TIME = "time"
    PERIOD = "period"
    DEADBAND = "deadband"
    NOTE = "note"
    INDEX = "index"
    IGNORE = "ignore"


UNNEEDED: Final = frozenset({Role.INDEX, Role.IGNORE})
"""Understood and of no use for a device file: running numbers, factory settings, examples."""

FREE: Final = frozenset({Role.POINT, Role.NAME, Role.ENGLISH, Role.NOTE, *UNNEEDED})
"""No value depends on these; a heading that is only partly understood may be one of them."""


class Meaning(NamedTuple):
    """One role that a heading may have.

    Args:
        role: The role.
        weight: How surely the words mean it: 3 nothing else, 2 usually, 1 sometimes.
    """

    role: Role
    weight: int


# Words are separated by commas; spaces, case, width and signs inside a word do not matter.
_CERTAIN: Final[Mapping[Role, str]] = {
    Role.POINT: "点标识, 标识符, 变量名, 变量名称, 点代码, 点编码, point id, tag, tag name, "
    "identifier, variable name, point code",
    Role.NAME: "bezeichnung, parametername, messgrösse, signalname, datenpunkt, 名称, "
    "点位名称, 点名称, 测点名称, 信号名称, 参数名称, 参数名, 中文名称, 中文名, 数据名称, "
    "寄存器名称, name, point name, signal name, parameter name, register name, data name, "
    "measurement name, chinese name",
    Role.ENGLISH: "英文名称, 英文名, 英文描述, english, english name, name en, english description",
    Role.UNIT_NUMBER: "slave adresse, geräteadresse, stationsadresse, slave, slave address, "
    "slave addr, slave id, slave no, slave number, station, station address, "
    "station number, station no, device address, device addr, device id, modbus id, "
    "unit id, unit address, unit no, unit number, node id, node address, node no, 从站, "
    "从站地址, 从站号, 从站id, 站号, 站地址, 站址, 设备地址, 设备站号, 仪表地址, 从机, "
    "从机地址, 从机号, modbus站号, 通讯站号, 设备id, 单元号, 单元标识",
    Role.DEVICE: "device, device name, equipment, equipment name, 设备, 设备名称, 所属设备, "
    "设备名, 机组",
    Role.TABLE: "funktionscode, registertyp, registerart, 功能码, 读功能码, 功能号, 读功能号, "
    "寄存器类型, 寄存器区, 存储区, 数据区, 寄存器种类, 读取功能码, modbus功能码, "
    "function code, read function, read function code, fc, func code, modbus function, "
    "modbus function code, register type, register area, register kind, object type, "
    "modbus type, memory area, register table, modbus table",
    Role.WRITE_FUNCTION: "写功能码, 写功能号, 写入功能码, write function, write function code, "
    "write fc",
    Role.SIGNAL: "ai di, di ai, ai ao, di do, ai ao di do, di do ai ao, 信号类型, 点类型, "
    "io类型, io, 点位类型, signal type, io type, point type",
    Role.ADDRESS: "寄存器地址, 起始地址, 起始寄存器, modbus地址, 寄存器起始地址, "
    "registeradresse, startadresse, modbus adresse, registernummer, 首地址, 点地址, "
    "数据地址, 协议地址, plc地址, register address, start address, starting address, "
    "modbus address, start register, starting register, register addr, reg addr, "
    "modbus register, register number, register no, first register, data address, "
    "modbus addr, plc address, protocol address, pdu address",
    Role.LAST: "结束地址, 终止地址, 末地址, 结束寄存器, end address, last address, "
    "end register, last register, stop address",
    Role.TYPE: "datentyp, datenformat, 数据类型, 数据格式, 变量类型, 数值类型, data type, "
    "data format, datatype, variable type, value type, number format",
    Role.SIGN: "vorzeichen, 有无符号, 符号, 是否有符号, signed, sign, signedness, signed unsigned",
    Role.BITS: "位数, 数据位数, 位宽, bits, bit width, data width, number of bits",
    Role.ORDER: "swap, swapped, 交换, 是否交换, 大小端, 字节字序, 数据顺序, endian, "
    "endianness, 32位顺序, 解码顺序, byte and word order, byte word order",
    Role.BYTE_ORDER: "bytereihenfolge, byte swap, bytes swapped, byte swapped, 字节交换, "
    "swap bytes, 高低字节交换, 字节序, 字节顺序, byte order, byte endianness, byte endian, "
    "byte sequence",
    Role.WORD_ORDER: "wortreihenfolge, word swap, words swapped, word swapped, 字交换, "
    "swap words, 高低字交换, 字序, 字顺序, 寄存器顺序, 高低字, word order, "
    "word endianness, word endian, register order, word sequence",
    Role.BIT: "位号, 位地址, 位序号, 位偏移, bit number, bit no, bit position, bit offset, "
    "bit index",
    Role.BYTE: "高低字节, 高低位, 字节位置, high low byte, byte half, byte position, half",
    Role.LENGTH: "registeranzahl, anzahl register, 寄存器数, 寄存器数量, 寄存器个数, 数据长度, "
    "字节数, 字节长度, 字数, 寄存器长度, 字长, register count, no of registers, "
    "number of registers, register length, word count, byte count, byte length, "
    "data length, number of words, number of bytes, register quantity",
    Role.SCALE: "skalierungsfaktor, skalierung, multiplikator, exponent, 指数, 比例系数, "
    "缩放系数, 乘数, 乘系数, scale factor, scaling factor, multiplier, mult, mul, 乘率, "
    "multiply by, multiplication factor, scale multiplier, 换算系数, 数据系数, 倍率系数",
    Role.DIVISOR: "teiler, 除数, 除系数, 放大倍数, 放大系数, division factor, divisor, "
    "divide by, divided by, dividing factor, div, 缩小比例, 除以",
    Role.DECIMALS: "nachkommastellen, dezimalstellen, dec places, 小数位, 小数位数, 小数点, "
    "小数点位数, 小数, decimals, decimal places, decimal point, decimal digits, "
    "number of decimals, no of decimals, decimal, dp",
    Role.FORMULA: "公式, 换算公式, 计算公式, 换算关系, 换算, 计算方法, formula, conversion, "
    "conversion formula, calculation, equation, computation, 数据换算, 换算方法, 计算",
    Role.OFFSET: "versatz, 偏移, 偏移量, 零点偏移, 加数, offset, value offset, 数据偏移",
    Role.UNIT: "einheit, 单位, 工程单位, 量纲, 计量单位, eng unit, engineering unit, units, "
    "unit of measure, measurement unit, uom, eu, eng units, engineering units, "
    "physical unit",
    Role.STATES: "zustände, bedeutung, 状态, 状态说明, 枚举, 枚举值, 取值说明, 值说明, "
    "状态定义, 状态含义, 数值含义, 值含义, states, enum, enumeration, enum values, "
    "value description, value meaning, state text, value map, value table",
    Role.INVALID: "ungültig, fehlerwert, 无效值, 无效数据, 错误值, 无效标志, invalid, "
    "invalid value, sentinel, not available, not available value, no value, no data, "
    "fault value, sentinel value, 无效标识, 空值, na value, error value, null value, "
    "invalid marker",
    Role.ACCESS: "zugriff, lesen schreiben, writable, writeable, 可写, 读写, 读写属性, "
    "读写权限, 读写类型, 权限, 访问权限, 访问, 读写方式, access, rw, read write, "
    "access mode, access type, permission, access right, access rights",
    Role.MINIMUM: "minimalwert, 最小值, 下限, 最小, 量程下限, 最低值, min, minimum, low limit, "
    "lower limit, min value, minimum value",
    Role.MAXIMUM: "maximalwert, 最大值, 上限, 最大, 量程上限, 最高值, max, maximum, "
    "high limit, upper limit, max value, maximum value",
    Role.RANGE: "wertebereich, 量程, 取值范围, 范围, 设定范围, 数值范围, 数据范围, "
    "value range, setting range, data range, valid range, min max",
    Role.PLAUSIBLE: "合理范围, 可信范围, plausible, plausible range, credible range",
    Role.RAW_MINIMUM: "原始下限, 原始最小值, 码值下限, raw min, raw minimum, raw low",
    Role.RAW_MAXIMUM: "原始上限, 原始最大值, 码值上限, raw max, raw maximum, raw high",
    Role.SCALE_FROM: "比例因子寄存器, 指数寄存器, 系数寄存器, scale factor register, "
    "sf register, scale factor point, scale from, sf point",
    Role.DECIMALS_FROM: "小数位寄存器, 小数点寄存器, decimals register, "
    "decimal point register, decimals from",
    Role.RATIO_FROM: "变比寄存器, 变比点, ratio register, ratio from, ct pt, pt ct, ct ratio, "
    "pt ratio, transformer ratio, 互感器变比",
    Role.ENCODING: "字符编码, 字符集, 文本编码, encoding, charset, character set, text encoding",
    Role.INVERTED: "取反, 是否取反, 反逻辑, inverted, invert, inversion, active low",
    Role.OTHERWISE: "其他状态, otherwise, other states",
    Role.STATE_WORDS: "状态名称, 状态译名, state names, state words, names of states",
    Role.TIME: "时间格式, 日期格式, 时间编码, time format, date format, date time format, "
    "time layout",
    Role.PERIOD: "周期, 采集周期, 扫描周期, 轮询周期, 采样周期, 采集间隔, period, interval, "
    "scan interval, poll interval, period s, poll period, scan period, scan rate, "
    "sample period",
    Role.DEADBAND: "死区, 变化阈值, 上报阈值, deadband, dead band",
    Role.NOTE: "bemerkung, bemerkungen, kommentar, hinweis, anmerkung, 备注, 说明, 注释, "
    "备注说明, 注, note, notes, remark, remarks, comment, comments",
    Role.INDEX: "序号, 编号, 项目, no, nr, index, item, line, 行号, seq, 号, id no, item no",
    Role.IGNORE: "默认值, 出厂值, 缺省值, 初始值, 默认, default, default value, "
    "factory setting, factory default, 示例, example, 当前值, 页码, page, 分类, 分组, "
    "group, category, section, 版本, version, since, 出厂设置, 更改, module, 模块",
}
_USUAL: Final[Mapping[Role, str]] = {
    Role.POINT: "点名, 标识, 变量, 标签, point, id, variable, key, symbol",
    Role.NAME: "点位, 测点, 参数, 信号, parameter, signal, label, 监测点, 监控点, 测量参数, "
    "数据项, 物理量, measurement, title, object name, object",
    Role.TABLE: "funktion, 区域, area, table, 区, 功能, function, func",
    Role.ADDRESS: "adresse, 地址, 通讯地址, 通信地址, 参数地址, address, addr, 地址码, 偏移地址",
    Role.TYPE: "类型, 格式, type, format, typ, fmt",
    Role.ORDER: "顺序, order",
    Role.BIT: "位, bit",
    Role.LENGTH: "länge, anzahl, 长度, 数量, length, count, registers, words, bytes, size, "
    "quantity, len, qty",
    Role.SCALE: "faktor, auflösung, 最小单位, 系数, 比例, 缩放, 缩放比例, 分辨率, 变比, scale, "
    "factor, scaling, coef, coeff, fact, resolution, 倍率, 倍数, gain, 增益, coefficient, "
    "单位换算, ratio",
    Role.UNIT: "unit, dimension",
    Role.OFFSET: "零点, 基数, 基值",
    Role.STATES: "取值, values, value, 值, 含义, 定义, meaning, 数据说明, 内容说明, options, state",
    Role.ACCESS: "属性, mode, attribute, rights, 操作",
    Role.RANGE: "range, limits, 限值",
    Role.UNIT_NUMBER: "node, 机号, 仪表号",
    Role.MINIMUM: "low, lower",
    Role.MAXIMUM: "high, upper",
    Role.INVALID: "无效, na",
}
_PERHAPS: Final[Mapping[Role, str]] = {
    Role.NAME: "beschreibung, 描述, 点描述, 内容, description, 功能描述, 功能说明, 说明, "
    "寄存器描述, desc, function, 功能, register description, parameter description, "
    "data description, 名称描述, definition, 描述说明, content, 寄存器说明, 数据内容, "
    "数据描述, 含义, 项目, item, register, 寄存器, 定义, comment",
    Role.ADDRESS: "寄存器, 寄存器号, 寄存器编号, register, reg, 编号, index, offset, no",
    Role.NOTE: "beschreibung, 描述, description, 内容, details, information, info, 功能描述, "
    "功能说明, 状态说明, 状态, explanation, 解释, 定义, 取值说明, 寄存器描述, "
    "register description, desc, 数据说明",
    Role.UNIT_NUMBER: "unit, 通讯地址, 通信地址, 地址码, modbus address, modbus地址, address, 地址",
    Role.TABLE: "类型, type, 寄存器, 数据类型, kind, mode, io类型, 读写类型, data type, register",
    Role.SIGNAL: "类型, type, 属性, kind, category, 分类, 数据类型, data type",
    Role.TYPE: "位数, bits, size, 数据, 长度, length, value, 属性, 寄存器类型, register type, "
    "数值, modbus type",
    Role.BIT: "bits, 位数",
    Role.BITS: "长度, length, size, 数据长度, data length",
    Role.ORDER: "字节序, 字节顺序, 字序, byte order, word order, 格式, format, 数据格式, "
    "data format",
    Role.SCALE: "精度, 单位精度, precision, multiplier, 比例因子, lsb",
    Role.DECIMALS: "精度, precision, 精度位数, digits",
    Role.STATES: "范围, range, 取值范围, 备注, 说明, remark, note, enum, description, 描述, "
    "value range, 数据范围, notes, remarks, comment",
    Role.INVALID: "nan",
    Role.DEVICE: "位置, location, 楼栋, building, 系统, system, 区域, 名称, unit, 站点, area",
    Role.IGNORE: "原值, 描述2, 厂家, vendor, manufacturer, 型号, model, 位置, location, 系统, "
    "system, 楼栋, building, 数据来源, source, value, 值, 当前, 站点",
    Role.ACCESS: "类型, type, 读, 写, write, read, 方式",
    Role.RANGE: "取值, values, 数值, span, 量程范围",
    Role.MINIMUM: "from, 从",
    Role.MAXIMUM: "to, 到",
    Role.INDEX: "point no, 点号, 点序号",
    Role.WRITE_FUNCTION: "写, write",
}

FILLERS: Final = (
    "modbus, 的, of, the, a, 寄存器, register, data, 数据, value, 参数, parameter, 通讯, 通信, "
    "point, 点, and, 表, 点位, in, for, protocol, reg"
)
"""Words that change nothing beside words that mean a role."""


def meanings() -> dict[str, list[Meaning]]:
    """Return each heading word, without spaces and signs, with what it may mean."""
    found: dict[str, list[Meaning]] = {}
    for weight, words in ((3, _CERTAIN), (2, _USUAL), (1, _PERHAPS)):
        for role, text in words.items():
            for word in text.split(","):
                known = found.setdefault(word.replace(" ", ""), [])
                if all(one.role is not role for one in known):
                    known.append(Meaning(role, weight))
    return found


def some_words(role: Role) -> str:
    """Return some words that are understood for a role."""
    words = _CERTAIN[role].split(", ")
    return ", ".join([*words[:3], *words[-3:]])
