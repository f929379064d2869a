/** Bars as SVG: each the median of its rounds, with a line from the smallest to the largest. */

export type Bars = Readonly<{
  title: string;
  bars: readonly Readonly<{ name: string; median: number; min: number; max: number; isOurs: boolean }>[];
}>;

const WIDTH = 760;
const LEFT = 120;
const RIGHT = 200;
const BAR = 20;
const ROW = 30;
const TITLE = 40;
const GAP = 20;

const whole = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 0 });
const escaped = (text: string): string => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** @param note a line at the end: what was measured where */
export function svg(charts: readonly Bars[], note: string): string {
  const parts: string[] = [];
  let y = 10;
  for (const chart of charts) {
    parts.push(...group(chart, y));
    y += TITLE + chart.bars.length * ROW + GAP;
  }
  parts.push(`<text x="10" y="${y + 10}" class="note">${escaped(note)}</text>`);
  const height = y + 30;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2933 } .title { font-weight: 600; font-size: 15px }
  .note { font-size: 11px; fill: #616e7c } .bar { fill: #9aa5b1 } .ours { fill: #2563eb } line { stroke: #1f2933 }
</style>
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`;
}

function group({ title, bars }: Bars, top: number): string[] {
  const most = Math.max(...bars.map(({ max }) => max));
  const x = (value: number) => LEFT + (value / most) * (WIDTH - LEFT - RIGHT);
  return [
    `<text x="10" y="${top + 20}" class="title">${escaped(title)}</text>`,
    ...bars.flatMap(({ name, median, min, max, isOurs }, index) => {
      const y = top + TITLE + index * ROW;
      const [middle, baseline] = [y + BAR / 2, y + BAR - 5];
      const range = min === max ? '' : ` (${whole(min)} to ${whole(max)})`;
      return [
        `<text x="${LEFT - 10}" y="${baseline}" text-anchor="end">${escaped(name)}</text>`,
        `<rect x="${LEFT}" y="${y}" width="${(x(median) - LEFT).toFixed(1)}" height="${BAR}" class="bar${isOurs ? ' ours' : ''}"/>`,
        `<line x1="${x(min).toFixed(1)}" y1="${middle}" x2="${x(max).toFixed(1)}" y2="${middle}"/>`,
        `<text x="${(x(max) + 10).toFixed(1)}" y="${baseline}">${whole(median)}${range}</text>`,
      ];
    }),
  ];
}
