/** Bodies and answers that are made to cost much, each within the bytes that are taken. */
export type Shape = Readonly<{ name: string; text: (bytes: number) => string }>;

/** `unit` as often as it fits between the two ends. */
const filled = (before: string, unit: string, after: string, bytes: number): string =>
  before + unit.repeat(Math.max(0, Math.floor((bytes - before.length - after.length) / unit.length))) + after;

/** Members with names of their own, as many as there may be in so many bytes, and no more than `most`. */
const named = (before: string, value: string, after: string, bytes: number, most: number): string => {
  const members: string[] = [];
  let left = bytes - before.length - after.length;
  for (let number = 0; number < most; number += 1) {
    const member = `"k${number.toString(36)}":${value},`;
    left -= member.length;
    if (left < 0) break;
    members.push(member);
  }
  return before + members.join('') + after;
};

/** @param before what stands before the value that is made to cost much; @param after what stands behind it */
export const shapesIn = (before: string, after: string, most: number): readonly Shape[] => {
  const members = Math.max(1, most - 20);
  const padding = (bytes: number) => 'x'.repeat(Math.max(1, Math.floor((bytes - 200) / members) - 12));
  const within = (name: string, open: string, unit: string, close: string): Shape => ({
    name,
    text: (bytes) => filled(before + open, unit, close + after, bytes),
  });
  return [
    within('empty arrays', '[', '[],', '0]'),
    within('empty objects', '[', '{},', '0]'),
    within('numbers', '[', '1,', '0]'),
    within('arrays in each other', '', '[', ''),
    within('objects in each other', '', '{"a":', ''),
    within('one text', '"', 'x', '"'),
    within('one text of escapes', '"', '\\u00e9', '"'),
    within('one text of surrogate pairs', '"', '\\ud83d\\ude00', '"'),
    within('one number of many digits', '1', '0', ''),
    within('one name again and again', '{', '"a":1,', '"a":1}'),
    {
      name: `${members} members, of an array`,
      text: () => `${before}[${'1,'.repeat(members - 1)}1]${after}`,
    },
    {
      name: `${members} members, with long texts`,
      text: (bytes) => `${before}[${`"${padding(bytes)}",`.repeat(members - 1)}1]${after}`,
    },
    {
      name: `${members} members, with names of their own`,
      text: (bytes) => named(`${before}{`, '1', `"z":1}${after}`, bytes, members - 1),
    },
    {
      name: `${members} members, each an object`,
      text: (bytes) => named(`${before}{`, '{}', `"z":1}${after}`, bytes, members - 1),
    },
  ];
};
