const DAY = /^(\d{4,6})-(\d{2})-(\d{2})/.source;
const TIME = /(?:[T ]\s*(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?)?$/.source;
const INSTANT = new RegExp(DAY + TIME, 'i');

/**
 * An instant as ISO 8601 has it, or Postgres shows it; without an offset it is UTC.
 * @returns microseconds since 1970, undefined for anything else
 */
export const readInstant = (text: string): number | undefined => {
  const trimmed = text.trim();
  if (/^-?infinity$/i.test(trimmed)) return trimmed.startsWith('-') ? -Infinity : Infinity;
  const found = INSTANT.exec(trimmed);
  if (!found) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', offset = 'Z'] = found;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // The 30th of February would be read as a day of March.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  if (Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const seconds = Number(hour) * 3_600 + Number(minute) * 60 + Number(second) - offsetSeconds(offset);
  return date.getTime() * 1_000 + seconds * 1_000_000 + Number(fraction.padEnd(6, '0'));
};

const offsetSeconds = (offset: string): number => {
  const [, sign, hours, minutes = '0'] = /^([+-])(\d{2}):?(\d{2})?$/.exec(offset) ?? [];
  if (hours === undefined) return 0;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 3_600 + Number(minutes) * 60);
};
