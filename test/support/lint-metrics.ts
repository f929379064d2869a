/** What `promtool check metrics` (promlint) objects to, in the text that Prometheus reads. */
export const lintMetrics = (exposed: string): readonly string[] => {
  const types = new Map([...exposed.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]));
  const helps = new Map([...exposed.matchAll(/^# HELP (\S+) (.+)$/gm)].map(([, name, help]) => [name!, help!]));
  return [...types].flatMap(([name, type]) =>
    [
      !helps.has(name) && 'has no help text',
      type === 'counter' && !name.endsWith('_total') && 'is a counter without _total',
      type !== 'counter' && name.endsWith('_total') && 'has _total and is no counter',
      type !== 'histogram' && name.endsWith('_bucket') && 'has _bucket and is no histogram',
      !['histogram', 'summary'].includes(type) &&
        /_(count|sum)$/.test(name) &&
        'has an ending of a histogram or summary',
      new RegExp(`(^|_)${type}(_|$)`).test(name) && 'has its type in its name',
      name.includes(':') && 'has a colon',
      /[a-z][A-Z]/.test(name) && 'is in camel case',
      UNITS.some((unit) => name.split('_').includes(unit)) && 'is in a unit that is none of the base units',
      ABBREVIATIONS.some((unit) => name.split('_').includes(unit)) && 'abbreviates its unit',
    ].flatMap((problem) => (problem === false ? [] : [`${name} ${problem}`])),
  );
};

const UNITS = [
  'milliseconds',
  'microseconds',
  'nanoseconds',
  'minutes',
  'hours',
  'days',
  'weeks',
  'kilobytes',
  'megabytes',
].concat([
  'kibibytes',
  'mebibytes',
  'gigabytes',
  'bits',
  'percent',
  'percents',
  'kilometers',
  'fahrenheit',
  'millivolts',
]);
const ABBREVIATIONS = ['s', 'ms', 'us', 'ns', 'sec', 'b', 'kb', 'mb', 'gb', 'm', 'h', 'd'];
