/** What the operator of this application has to do after the copy, so that what was signed over the source proves the target too. */
import { AUDITED_PREFIXES, TREE_HEAD_STREAM } from '../../application/audit/audited-log.js';
import type { CopiedEvent } from './event.js';
import type { Server } from './server.js';

/** Lines to print; none where the source holds no signed history. */
export async function nextSteps(source: Server): Promise<readonly string[]> {
  const isSigned = await isSignedToItsEnd(source);
  if (isSigned === undefined) return [];
  if (isSigned)
    return [
      'Next: sign the move before the application starts on the target, with EVENTSTORE_URL set to it: `npm run audit -- move`',
    ];
  return [
    'NOTE: the last events of the source are not signed, so the move cannot be signed yet. Stop the application: it signs the ' +
      'rest when it stops. Then run this command again, and after it `npm run audit -- move`, with EVENTSTORE_URL set to the target',
  ];
}

/** Whether the newest tree head covers the last event that it has to. Undefined where there is no tree head that can be read. */
async function isSignedToItsEnd(source: Server): Promise<boolean | undefined> {
  let [last, covered]: (bigint | undefined)[] = [];
  for await (const event of source.backwards()) {
    if (event.stream === TREE_HEAD_STREAM) covered ??= positionIn(event) ?? -1n;
    else if (AUDITED_PREFIXES.some((prefix) => event.stream.startsWith(prefix))) last ??= event.position;
    if (last !== undefined && covered !== undefined) return last <= covered;
  }
  return undefined;
}

function positionIn({ data }: CopiedEvent): bigint | undefined {
  try {
    const { position } = JSON.parse(Buffer.from(data).toString('utf8')) as { position?: unknown };
    return typeof position === 'string' && /^\d+$/.test(position) ? BigInt(position) : undefined;
  } catch {
    return undefined;
  }
}
