/** 应急预案、指标、升级策略、用户和审计页面的文字。 */
export default {
  planstate: { running: "进行中", completed: "已完成", stopped: "已停止", aborted: "已终止" },
  planstep: { pending: "未开始", confirming: "待确认", confirmed: "已确认，等待联锁条件", commanded: "已下发命令", waiting: "人员处理中", attention: "待决定", done: "完成", skipped: "已跳过", failed: "失败" },
  planchange: { started: "启动", begun: "开始", told: "已通知", called: "已呼叫", confirming: "待确认", confirmed: "已确认", commanded: "已下发命令", waiting: "处理中", attention: "待决定", done: "完成", skipped: "跳过", failed: "失败", seconded: "第二人确认", retried: "重试", completed: "预案完成", stopped: "预案停止", aborted: "预案终止" },
  who: { on_duty: "值班人员", leader: "带班领导", manager: "经理", contractor: "维保单位" },
  reach: { all: "全部", scope: "限授权范围", own: "限范围内本人工单", whole: "仅限无范围限制者" },
  mode: { class_file: "类别文件", class: "类别", site: "项目", equipment: "设备" },
  permission: {
    own_use: "本人会话、密码、令牌", plant_read: "查看设备", classes_read: "查看类别", events_read: "接收事件", figures_read: "查看指标", metrics_read: "读取监控数据", alarms_acknowledge: "确认告警", alarms_handle: "屏蔽和复位告警", equipment_service: "停用设备", equipment_retire: "报废设备", equipment_command: "控制设备", plans_read: "查看预案", plans_run: "执行预案", links_write: "维护供电关系", sites_write: "维护项目", rules_read: "查看规则", rules_try: "试算规则", rules_write: "修改规则", orders_read: "查看工单", orders_step: "处理工单", orders_assign: "派发工单", ledger_write: "维护台账", requests_take: "受理住户报修", residents_contact: "查看住户联系方式", people_read: "查看人员", duty_read: "查看值班", people_contact: "查看人员联系方式", people_write: "维护人员", rosters_change: "调整值班表", channels_read: "查看渠道", channels_test: "测试渠道", messages_read: "查看消息", messages_contact: "查看消息地址", messages_send: "重发消息", users_manage: "管理用户", audit_read: "查看审计",
  },
  plans: {
    title: "应急预案", runs: "执行记录", plans: "预案", plan: "预案", start: "启动预案", drill: "演练", hold_drill: "开始演练", print: "打印", is_drill: "演练：不下发任何命令", drill_hint: "按相同顺序通知相同人员；每条消息都注明为演练。", start_hint: "每条命令下发前都会询问。启动人记录在案。", filter: { running: "进行中", ended: "已结束", all: "全部" },
    no_runs: { running: "没有正在执行的预案。", ended: "还没有执行过预案。", all: "还没有执行过预案。" }, no_plans: "此项目没有预案。预案是服务器上的文件。", n_steps: "{n} 个步骤", needs_factor: "在浏览器中执行预案需要两步验证登录。设置：", suggested: "适用于此事件", incident: "事件", by_hand: "无，手动启动", choose: "请选择", none_fits: "没有适用的设备", nothing_fits: "缺少此预案所需的设备，无法在此执行。", steps: "步骤", kind: { command: "命令", task: "任务", message: "消息" },
    started: "启动", by: "启动人", at_step: "当前步骤", left: "剩余 {t}", note: "现场情况", confirm: { carry_out: "执行", second: "作为第二人确认", done: "已完成", by_hand: "已人工完成", send: "发送" }, confirmed: "已确认：{what}", confirmed_by: "{who} {at} 确认", another: "{who} 已确认，需要另一人确认。", ended: "{at} 结束", skip: "跳过", retry: "重试", abort: "终止预案", abort_hint: "已下发的命令不会撤回。", command: "命令 {id}", log: "记录",
  },
  audit: {
    title: "审计", number: "序号", at: "时间", by: "操作人", request: "请求", what: "变更内容", outcome: "结果", done: "成功", refused: "被拒绝", address: "来源", hash: "哈希", from: "从", to: "到", search: "请求或变更内容", export: "导出 CSV", verify: "校验", verifying: "校验中…", fits: "全部 {n} 条记录吻合：没有修改、插入或删除。", checked: "{at} 校验", keep: "请另行保存，以后可据此发现末尾缺失的记录：", broken: "记录链已断裂。", none: "还没有记录。", none_fits: "没有符合筛选条件的记录。", nobody: "未登录", here: "本机命令行", token: "令牌 {id}", no_change: "此请求没有产生变更记录。",
  },
  figures: {
    title: "指标", month: "月份", repairs: "维修与设备", alarms: "告警质量", figure: "指标", value: "数值", target: "目标", at_most: "不高于", met: "达标", missed: "未达标", counted: "计入", definition: "定义", pdf: "打印或 PDF", below: "低于目标", above: "高于上限", until: "截至 {at}", people: "{sites} 个项目，每个 {n} 名值班员", nothing: "此处没有计入的内容。", no_order: "该月没有计入的工单。上一个月：", at: "时间", not_kept: "有效投诉率、业主满意度和星级未计算：系统中没有相应记录。",
  },
  policies: {
    title: "升级策略", policies: "策略", preview: "现在发生事件会呼叫谁", applies: "适用策略：", minutes: "{n} 分钟后", at_once: "立即", unreachable: "无法联系", new: "新建策略", key: "标识", for: "适用", repeat: "重复次数", repeat_after: "重复间隔（分钟）", idle: "已确认但无进展（分钟）", never: "不限", sites: "项目", who: "通知谁", after: "开始后（分钟）", add_step: "添加步骤", own_channels: "各人自己的渠道", accept_gaps: "即使某步骤无人可达也保存", packaged: "内置", packaged_hint: "没有其他策略适用时使用。填写新的标识即可另存修改。", copy: "另存为自有策略", delete: "删除", delete_hint: "未结事件仍按原策略执行。", saved: "策略已保存。未结事件仍按开始时的策略执行。", conflict: "此策略已被他人修改。请关闭后重新打开。", none: "没有策略。", step_nobody: "此步骤没有通知任何人。", step_earlier: "时间早于上一步骤。", no_channels: "服务器文件中没有渠道。", kind: "类型", told: "新事件通知",
  },
  users: {
    title: "用户", new: "新建用户", new_hint: "用户会得到一次性密码，登录后自行设置密码。", make: "建立用户", name: "用户名", role: "角色", scope: "范围", bound: { everywhere: "全部", contract: "合同范围内", nothing: "无" }, person: "对应值班人员", no_person: "无", factor: "两步验证", state: "状态", filter: { active: "启用", disabled: "已停用", all: "全部" }, search: "用户名", none: "没有符合条件的用户。", sites: "项目", classes: "设备类别", equipment: "设备", sees_nothing: "未指定类别、设备或台账中的维保单位时，维保单位看不到任何内容。", rights: "权限", saved: "权限已保存，从下一次请求起生效。", table: "权限表", permission: "权限", with_factor: "需两步验证",
    about: { administrator: "系统管理，包括用户", company: "公司全部项目", estate_manager: "管理项目", operator: "监控中心", technician: "本公司维修工", contractor: "外部维保人员", desk: "受理住户报修", auditor: "查看并审计", viewer: "只读" },
    reset_password: "一次性密码", reset_hint: "该用户的浏览器将退出登录；令牌继续有效。", once: "{name} 的一次性密码：", once_hint: "仅显示这一次，在 {at} 之前可登录一次。", end_factor: "取消两步验证", factor_hint: "用于手机和恢复码都丢失的用户。下次登录只需密码。", factor_ended: "两步验证已取消。", has_factor: "登录需两步验证。", no_factor: "登录只需密码。", disable: "停用", disable_hint: "会话立即结束，令牌立即失效。", enable: "启用", disabled_at: "{at} 停用",
    sessions: "浏览器", no_sessions: "没有登录的浏览器。", end_sessions: "全部退出", sessions_hint: "所有浏览器退出登录；令牌继续有效。", sessions_ended: "所有浏览器已退出登录。", end_session: "退出", browser: "浏览器", since: "登录时间", until: "有效期至", this_one: "当前", tokens: "令牌", no_tokens: "没有令牌。", token_name: "用途", made: "建立", last_used: "最近使用", never: "从未", forever: "长期", may: "权限", n_rights: "{n} 项权限", revoke: "吊销", revoke_hint: "使用它的程序立即被拒绝。", revoked: "已吊销", over: "已过期",
    own: "我的账户", new_token: "新建令牌", token_hint: "持有令牌的程序拥有您的权限。不填时间则长期有效。", token_once: "{name} 的令牌，仅显示这一次：", session_with_factor: "本次登录使用了两步验证。", session_without_factor: "本次登录只用了密码；控制设备需要两步验证。", factor_set_up: "设置", factor_type: "用验证器应用扫描此二维码，然后用验证码确认。", factor_qr: "供验证器应用扫描的二维码", factor_or_type: "或手动输入此密钥：", factor_open: "在应用中打开", factor_confirm: "输入验证码确认", factor_code_hint: "应用当前显示的六位数字。", factor_end_hint: "以后登录只需密码。", code: "验证码", recovery: "恢复码：手机丢失时每个可用一次。请另行保存，仅显示这一次。",
  },
} as const;
