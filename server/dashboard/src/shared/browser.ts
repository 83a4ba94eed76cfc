/** What a browser says of itself, in two words; pure. */

/** Who copies whom: the one that names itself comes before those that it names too. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/MicroMessenger\/(\d+)/, "WeChat"], [/Edg\/(\d+)/, "Edge"], [/OPR\/(\d+)/, "Opera"], [/Firefox\/(\d+)/, "Firefox"], [/(?:Headless)?Chrome\/(\d+)/, "Chrome"], [/Version\/(\d+).* Safari\//, "Safari"],
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [[/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Windows/, "Windows"], [/Mac OS X/, "macOS"], [/Linux|X11/, "Linux"]];

/** Its name, version and system; what is unknown is shown as it is. */
export function browserOf(agent: string): string {
  const found = BROWSERS.flatMap(([pattern, name]) => { const version = pattern.exec(agent)?.[1]; return version ? [`${name} ${version}`] : []; })[0];
  const system = SYSTEMS.find(([pattern]) => pattern.test(agent))?.[1];
  return found ? [found, system].filter(Boolean).join(" · ") : agent;
}
