/** What no caller may do to certain streams: take away what is in them. */
import type { Change } from './commit.js';
import { isMetastream, originalOf } from '../wire/records.js';
import { parseMetadata } from '../storage/stream-metadata.js';

/** Why the change is refused; undefined where it is not. */
export function refusedChange(change: Change, protectedPrefixes: readonly string[]): string | undefined {
  const original = originalOf(change.stream);
  if (!protectedPrefixes.some((prefix) => original.startsWith(prefix))) return undefined;
  if (change.kind !== 'append')
    return `Stream '${original}' is the application's own and keeps all of its events: it can be neither deleted nor tombstoned`;
  if (!isMetastream(change.stream) || !change.events.some(({ data }) => truncates(data))) return undefined;
  return `Stream '${original}' is the application's own and keeps all of its events: its metadata may have no $maxCount, $maxAge or $tb`;
}

const truncates = (data: Uint8Array): boolean => {
  const { truncateBefore, maxCount, maxAgeSeconds } = parseMetadata(data);
  return truncateBefore !== undefined || maxCount !== undefined || maxAgeSeconds !== undefined;
};
