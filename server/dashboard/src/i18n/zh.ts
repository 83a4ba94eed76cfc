import management from "./management.zh";

export default {
  ...management,
  nav: { overview: "总览", alarms: "告警", orders: "工单", equipment: "设备", trends: "趋势", desk: "客服", gateways: "网关", people: "值班", rules: "规则", plans: "预案", figures: "指标", policies: "升级策略", users: "用户", audit: "审计" },
  app: {
    all_sites: "全部项目", site: "项目", live: "实时", connecting: "连接中", offline_since: "离线自 {at}", language: "EN", theme_dark: "深色主题", theme_light: "浅色主题",
    menu: "菜单", search: "查找", search_hint: "查找设备、告警、工单、页面", nothing_found: "没有找到。", account: "账户", logout: "退出",
    password: "修改密码", skip: "跳到内容", orders_due: "{n} 张工单超时", gaps: "无人值班时段 {n} 个",
    part_down: "{part} 未工作", sound_on: "告警声音已开", sound_off: "告警声音已关", sound_blocked: "声音被浏览器阻止：点击允许", page_gone: "没有这个页面。", to_overview: "返回总览",
  },
  login: {
    title: "登录", name: "用户名", password: "密码", go: "登录", expired: "登录已过期。重新登录后回到原来的位置。",
    old: "当前密码", new: "新密码（至少 15 位；启用两步验证的至少 8 位）", code: "验证器动态码或恢复码", change: "修改密码", once: "此密码只能使用一次，请先设置自己的密码。", others: "您在其他浏览器的登录会被退出；令牌不受影响。", changed: "密码已修改。",
  },
  queue: {
    waits: "{n} 项操作等待发送", kept: "已保存在手机上，联网后发送。", sending: "正在发送", needs_you: "{n} 项需要您处理", show: "等待发送的内容", file: "照片", signature: "{name} 的签名",
    yours: "您的操作", theirs: "工单当前状态", again: "仍然执行", retry: "重新发送", give_up: "放弃我的操作", give_up_sure: "将从手机上删除，不再发送。", impossible: "当前状态下已不能执行。", first: "请先处理前一项。", at: "{at} 操作",
    trouble: { conflict: "工单已被他人更改", refused: "服务器不接受", failed: "服务器每次都处理失败" },
    storage: "手机无法保存内容：存储空间已满或被禁用。只有服务器应答时才能操作。", no_room: "服务器没有应答，手机也没有空间保存，没有做任何更改。", not_deleted: "您已退出，但手机上保存的内容无法删除，请在浏览器中清除本网站的数据。",
    logout: "有 {n} 项操作等待发送，退出会删除它们。", logout_yes: "删除并退出", foreign_title: "这里有 {name} 未发送的内容", foreign: "{name} 有 {n} 项操作尚未发送，只有 {name} 在此手机登录后才能发送。", foreign_out: "退出，让 {name} 发送", foreign_delete: "删除并继续", as_of: "{at} 的内容；服务器没有应答。",
  },
  do: {
    cancel: "返回", save: "保存", more: "显示更多", retry: "重试", close: "关闭", comment: "备注", reason: "原因", until: "至", filter: "筛选", clear: "清除筛选", yes: "是", no: "否", all: "全部", copy_link: "复制链接", copied: "链接已复制", required: "必填", add: "添加", remove: "移除", leave_unsaved: "不保存并离开",
  },
  state: { loading: "加载中…", offline: "服务器没有应答。没有做任何更改，请重试。", error: "无法读取：{what}",  },
  severity: { urgent: "紧急", high: "重要", medium: "一般", low: "提示" },
  alarm: { unacknowledged: "未确认", acknowledged: "已确认", returned_unacknowledged: "已恢复未确认", normal: "正常", latched: "已锁存", shelved: "已屏蔽", suppressed: "已抑制", out_of_service: "停用", open: "未结", active: "活动", chattering: "频繁抖动", closed: "已关闭", all: "全部", monitored: "试运行" },
  order: { open: "待派单", dispatched: "已派单", accepted: "已接单", on_site: "已到场", in_progress: "处理中", waiting: "挂起中", completed: "已完成", verified: "已验收", called_back: "已回访", closed: "已关闭", cancelled: "已取消", all: "全部" },
  verb: { acknowledge: "确认", dispatch: "派单", "hand-over": "转单", accept: "接单", arrive: "到场", start: "开始", wait: "挂起", resume: "恢复处理", complete: "完成", verify: "验收", "call-back": "回访", close: "关闭", recall: "撤回", cancel: "取消工单", shelve: "屏蔽", unshelve: "取消屏蔽", comments: "备注", reset: "复位" },
  field: { assignee: "负责人", note: "备注", reason: "原因", comment: "备注", satisfaction: "住户评价" },
  port: { linkage: "联动" },
  reason: { photo: "照片", document: "文件", signature: "签名", part: "备件", labour: "工时", parts: "等备件", vendor: "等厂家", resident: "等业主", warranty: "保修期内", contract: "维保合同", duty: "当班", shift_change: "交接班", never_seen: "从未上报", not_read: "尚未读取", silent: "长时间无数据", timeout: "无应答", not_a_number: "不是数字", no_value: "无值", device_death: "设备失联", not_reborn: "设备失联", removed: "已从网关移除", connection_lost: "连接断开", offline: "无应答", gateway_offline: "网关离线", very_satisfied: "非常满意", satisfied: "满意", dissatisfied: "不满意" },
  quality: { good: "良好", stale: "过期", bad: "坏值", uncertain: "可疑" },
  role: { administrator: "管理员", company: "物业公司", estate_manager: "项目经理", operator: "值班员", technician: "维修工程师", desk: "客服前台", auditor: "审计员", viewer: "只读", engineer: "维修工", lead: "主管", manager: "经理", contractor: "维保单位" },
  trade: { heating: "暖通", electrical: "电气", plumbing: "给排水", lift: "电梯", fire: "消防", low_voltage: "弱电", building: "土建" },
  step: { pending: "待执行", done: "已执行", running: "执行中", cancelled: "已取消", skipped: "已跳过", on_duty: "值班人员", leader: "带班", manager: "经理", everyone: "所有人" },
  event: { handed_over: "转单", severity: "级别变化", repeat_failure: "再次故障", reopened: "重新打开", recovered: "恢复正常", note: "备注", comment: "备注", file: "附件", line: "备件或工时", requested: "再次报修" },
  message: { pending: "待发送", sending: "发送中", sent: "已发送", delivered: "已送达", merged: "已合并", passed_on: "已转交", cancelled: "已取消", dead: "未发出" },
  overview: {
    systems: "系统", incidents: "未结事件", orders: "临近超时工单", duty: "当前值班", no_incidents: "没有未结事件。需要处理的会显示在这里。", no_orders: "没有临近超时的工单。",
    of: "{n} / {all}", stale: "{n} 台无应答", hour: "每 10 分钟告警数", hour_note: "每名值班员上限 10", no_equipment: "还没有设备。网关连接后会自动出现。", arrive_in: "{t} 内到场", overdue: "已超时 {t}", alarms: "{n} 条告警", acked: "{who} 已确认", key_points: "关键数值", pin: "大屏模式", leave_wall: "退出大屏", unavailable: "统计暂不可用",
  },
  alarms: {
    title: "告警", severity: "级别", equipment: "设备", what: "内容", since: "持续", onset: "触发值", state: "状态", who: "处理人", incident: "事件", empty: "这里没有告警。新的告警会自动出现。", empty_filter: "没有符合筛选条件的告警。", shown: "共 {n} 条", selected: "已选 {n} 条", ack_selected: "确认 {n} 条", keys: "快捷键", key_move: "移动", key_ack: "确认", key_shelve: "屏蔽", key_open: "详情", key_select: "选择", key_filter: "筛选",
    acked: "已确认：{what}", acked_n: "已确认 {n} 条", shelved: "已屏蔽至 {at}", failed_n: "{n} 条未能确认：{why}", may_not: "当前状态下不能这样做。", sentence_active: "{where}：{what}，自 {at} 起，已持续 {long}。", sentence_over: "{where}：{what}，{at} 发生，{long} 后恢复正常。", around: "触发前后的读数", no_readings: "触发前后没有保存该点位的读数。", escalation: "升级", history: "历史", explains: "由此中断引起的告警", causes: { gateway: "网关 {where} 无通信。", line: "线路 {where} 上的设备均无应答。", power: "{where} 供电中断。", settling: "正在判断是否由中断引起。" }, caused_by: "原因", siblings: "同一事件的其他告警", no_steps: "此事件不呼叫任何人。", rule: "规则", value: "数值", activations: "触发次数", order: "工单", trend: "在趋势中打开", shelve_30: "30 分钟", shelve_120: "2 小时", shelve_480: "8 小时", shelve_hint: "在此之前不通知任何人；到时自动恢复。", round: "第 {n} 轮", attempt: "尝试 {n} 次", no_receiver: "没有通知到人", gone: "没有这条告警。", life_safety: "生命安全", chattering: "频繁抖动",
    changes: { raised_again: "再次触发", recorded: "补录", onset_corrected: "触发时间更正", return_corrected: "恢复时间更正", chattering: "频繁抖动", raised: "触发", returned: "恢复正常", acknowledged: "确认", shelved: "屏蔽", unshelved: "取消屏蔽", commented: "备注", closed: "关闭", suppressed: "抑制", released: "解除抑制", out_of_service: "停用", in_service: "恢复投用", retired: "设备退役", judged_false: "判定为误报", reset: "复位" },
  },
  equipment: {
    title: "设备", search: "名称、编号或类别", none: "没有符合条件的设备。", online: "应答正常", offline: "无应答", points: "点位", point: "点位", value: "数值", age: "更新", key: "关键点位", other: "其他点位", hour: "最近一小时", alarms: "未结告警", orders: "未结工单", port: "端口", profile: "设备型号", no_alarms: "没有未结告警。", no_orders: "没有未结工单。", out_of_service: "停用至 {at}：{reason}", take_out: "停用", put_in: "恢复使用", command: "控制", command_title: "控制 {point}", command_new: "新值", command_range: "允许 {min} 至 {max}", command_sent: "命令 {id}：{state}", pick: "在左侧选择设备查看点位。", devices: "{n} 台设备", commands: "控制记录", removed: "已移除", interlock_of: "联锁条件：{text}。", interlock_holds: "当前满足。", interlock_fails: "当前不满足：网关将拒绝。", interlock_unknown: "当前是否满足未知。", interlock: "网关在写入前检查限值和联锁，写入后回读。",
  },
  ledger: { title: "设备台账", edit: "填写台账", none: "尚未填写位置、厂家或保修期。", place: "位置", building: "楼栋 {name}", maker: "厂家 型号", maker_only: "厂家", model: "型号", serial: "出厂编号", warranty: "保修", warranty_until: "保修期至", builder: "建设单位（保修期内）", contract: "维保单位", contract_from: "维保开始", contract_until: "维保结束", until: "至 {day}", over: "已到期", changed: "填写", documents: "资料", no_documents: "尚无资料：说明书、图纸和证书放在这里。", add: "添加", remove: "删除资料", conflict: "其他人刚刚修改了台账。请关闭后重新查看。" },
  schematic: { hint: "点击图形打开设备。", floor: "{n} 层", door_open: "门开", door_closed: "门关", states: { running: "运行", stopped: "停止", fault: "故障", trapped: "困人", opened: "打开", closed: "关闭", unknown: "未知" } },
  commandstate: { proposed: "等待第二人确认", asked: "已请求", sent: "已下发", done: "已执行并回读", unconfirmed: "未确认", refused: "被拒绝", failed: "失败", expired: "已过期", withdrawn: "已撤回", unanswered: "无应答" },
  trends: {
    title: "趋势", add: "添加点位", none: "最多 8 个点位一起查看，例如：", range: "时段", ranges: { h1: "1 小时", h6: "6 小时", h24: "24 小时", d7: "7 天", d30: "30 天", y1: "1 年" }, follow: "跟随时间", csv: "CSV", week_before: "上周同期", band: "色带：最小到最大，线：平均", raw: "原始读数", slices: "{w} 平均", zone: "时间为 {zone}", min: "最小", mean: "平均", max: "最大", point: "点位", remove: "移除", empty: "此时段没有读数。", earlier: "更早", later: "更晚", from: "从", to: "到", gaps: "缺口",
  },
  orders: {
    title: "工单", number: "编号", what: "内容", state: "状态", due: "到场时限", assignee: "负责人", trade: "专业", opened: "开单", empty: "没有未结工单。告警会自动开单。", empty_filter: "没有符合筛选条件的工单。", history: "历史", evidence: "告警", incident: "事件", done: "{verb}：完成", on_site_in: "{t} 内到场", late: "已超时 {t}", on_site_at: "{at} 到场", no_time: "未设时限", paused: "暂停 {t}", gone: "没有这张工单。", next: "下一步", other: "其他操作", life_safety: "生命安全", unassigned: "暂无", running: "计时 {t}", unsent: "未发送", unkept: "您有 {n} 张工单尚未保存到手机，无网络时打不开。", empty_mine: "您没有未结工单。派给您的工单会出现在这里，没有网络也能打开。", view: "视图", residents: "报修人", not_yours: "姓名和电话只显示给本工单的负责人。", forgotten: "姓名和电话已删除。",
    views: { mine: "我的", list: "全部", board: "看板" },
    targets: { respond: "接单时限", arrive: "到场时限", complete: "完成时限" }, forecasts: { none: "无时限", on_track: "按时", at_risk: "有风险", paused: "暂停", met: "已达成", late: "超时" },
    board: { hint: "把卡片拖给某人；或按空格拿起，← → 移动，回车派单，Esc 放回。", taken: "已拿起工单 {id}", given: "工单 {id} 已派给 {name}", cannot: "工单 {id} 当前状态不能派给 {name}。", refused: "工单 {id} 未能派给 {name}：{why}" },
    sheet: { open: "维修单", title: "工程维修单", print: "打印", steps: "过程", report: "维修情况", lines: "备件与工时", photos: "照片", duration: "计时", engineer: "维修人", verifier: "验收人", customer: "业主或客户" },
  },
  handover: {
    title: "交接班", at: "交接时间", leaving: "交班", present: "接班", others: "其他人员", to: "工单 #{n} 交给", incident_to: "事件 {n} 交给", stays: "不变", note: "交班说明", confirm: "没有要交接的 | 交接 {n} 项 | 交接 {n} 项", done: "已交接 {n} 项", nothing: "没有未完成的事项。", no_change: "本小区前后十二小时内没有换班，请自行选择接手人。", more: "还有未显示的事项：请先交接这些。",
    why: { off_duty: "负责人已下班", unassigned: "暂无负责人", on_duty: "负责人仍在班", appointment: "已预约，届时在班", contractor: "由外单位负责", without_shift: "负责人不排班", with_order: "随工单交接", called: "正在呼叫当班人员", nobody: "接班人员中无人可接" },
  },
  desk: {
    title: "客服台", take: "登记报修", calls: "待回访", places: "报修二维码", room: "房号", room_hint: "输入房号的一部分", rooms_found: "找到的房间", fault: "故障", name: "称呼", phone: "电话", text: "住户描述", wished: "希望上门时间", agreed: "已约定, 作为预约时间", language: "短信语言", send: "登记", known: "本房间已知", nothing_known: "本房间没有未完成的工单。", pick_room: "输入房号后显示已知工单。", joins: "已有: 同一故障的工单 #{n} 未完成, 一天内的报修会并入该工单。", warranty: "保修期至 {day}：新工单派给建设单位（{builder}）。", warranty_without_builder: "保修期至 {day}，但本房间未登记建设单位。", no_calls: "没有待回访的工单。维修验收后会出现在这里。", said: "住户意见", then: "下一步", work_again: "继续维修", close_all_the_same: "仍然关闭", write_down: "记录", called: "工单 #{n} 回访已记录", not_reached: "未接通",
    building: "楼栋", whole_estate: "整个小区", make: "生成二维码", no_places: "还没有二维码。住户扫码即可报修, 无需登录。", code_of: "{where} 的报修二维码", look: "打开页面", end: "停用", end_about: "停用后 {where} 的二维码不再有效, 新二维码地址不同。",
    became: { opened: "已生成工单 #{n}", joined: "已有报修, 并入工单 #{n}", reopened: "工单 #{n} 重新打开" },
  },
  work: { title: "照片、备件、工时", photo: "拍照", part: "备件", labour: "工时", comment: "备注", signature: "签名", part_name: "名称", who: "人员", quantity: "数量", hours: "小时", unit: "单位", price: "单价（元）", cost: "金额", sum: "合计", files: "照片与附件", signer: "签名人", sign_here: "签名区", sign_hint: "请用手指签名。空白时写入姓名。", sign_again: "清除" },
  gateways: { title: "网关", devices: "设备数", silent: "无应答", refused: "被拒消息", problem: "问题", none: "还没有网关连接。用此服务器的消息代理设置启动一个网关。", online: "已连接", offline: "离线", ok: "无", port: "端口", all_answer: "所有设备应答正常。", version: "版本", journal: "待发队列", messages: "{n} 条", load: "负荷", unsteady: "应答不良", not_told: "网关未上报。" },
  people: { title: "值班", rosters: "值班表", persons: "人员", gaps: "无人值班", no_gaps: "未来几周每个时段都有人值班。", no_rosters: "还没有值班表。可从 people.yaml 读入或通过接口建立。", no_persons: "还没有人员。", name: "姓名", role: "角色", trades: "专业", channels: "渠道", phone: "电话", all: "全部", checked: "{at} 检查", test: "测试", tested: "已向 {name} 发送测试消息", week: "{at} 起一周", prev: "上一周", next: "下一周", nobody: "无人", today: "今天", move: "调整值班", board: "本周值班", board_hint: "将值班拖给他人、拖动时间，或拖到另一值班上互换。键盘：回车拿起和放下，方向键移动，Esc 还原。", nobody_at: "{at} 无人值班", would_swap: "{a} 与 {b} 互换", not_written: "尚未保存", leaves: "{roster}：未保存的调整将丢失。", away: "不在岗", there: "值班", undo: "撤销", save_with_gaps: "保留空缺并保存", written: "值班表已调整", exceptions: "例外", take_back: "取消例外", gaps_refuse: "拒绝" },
  rules: { title: "规则", rule: "规则", condition: "条件", delays: "延时", severity: "级别", mode: "方式", source: "来源", announce: "通知", monitor: "试运行", disabled: "停用", try: "用历史试算", days: "历史天数", trying: "试算中…", result: "{days} 天内：{alarms} 条告警，{incidents} 个事件，{orders} 张工单，{messages} 条消息", none: "这里没有规则。", no_onset: "不会触发告警。", equipment_tried: "{n} / {all} 台设备，{readings} 条读数", covered: "历史从 {at} 起", on_delay: "触发 {s} 秒", off_delay: "恢复 {s} 秒", at: "时间", until: "至", per_day: "每天告警数", where: "适用范围", search: "名称或类别", everywhere: "全部", edit: "设置", save: "保存规则", saved: "规则在一秒内生效；未结告警保持不变。", take_back: "撤销修改", taken_back: "已撤销", unsaved: "已修改：{what}", try_only: "此处只能试算，不能保存到该范围。", tries_form: "按上面的设置", tries_rule: "按当前规则", conflict: "此规则已被他人修改，现在显示最新内容。", proposals: "等待第二人确认", propose: "提交第二人确认", proposed: "已提交，需另一人在一小时内确认。", confirm_proposal: "作为第二人确认", withdraw_proposal: "撤回", life_safety: "生命安全规则：减弱需两人，加强只需一人。", versions: "修改记录", enabled: "启用规则", work_order: "自动开工单", monitor_hint: "试运行：告警只计数和记录，不通知任何人。", on_delay_s: "触发延时（秒）", off_delay_s: "恢复延时（秒）", name_en: "英文名称", name_zh: "中文名称", while: "仅当", figure: { limit: "限值", deadband: "回差", change: "变化量", within_s: "时间窗（秒）", for_s: "持续（秒）", band: "波动范围", after_s: "超过（秒）", when: "当", until: "直到" } },
} as const;
