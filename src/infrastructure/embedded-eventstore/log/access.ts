/**
 * Who may do what to a stream, as EventStoreDB decides it: by the `$acl` of the stream's metadata, where that says nothing by the
 * defaults in the stream `$settings`, and else by defaults of its own. Administrators may do everything.
 */
import type { Reader } from '../storage/reader.js';
import { aclOf, isObject, parseJson, type Acl } from '../storage/stream-metadata.js';
import { accessDenied } from '../wire/errors.js';
import { ADMINS, type Caller } from '../wire/credentials.js';
import { isMetastream, originalOf } from '../wire/records.js';

type Operation = 'read' | 'write' | 'delete';

const SETTINGS = '$settings';
/** Stands for everyone in a list. */
const EVERYONE = '$all';

export class Access {
  constructor(private readonly reader: Reader) {}

  /** @throws a refusal */
  async require(caller: Caller, operation: Operation, stream: string): Promise<void> {
    if (!(await this.isAllowed(caller, operation, stream))) throw accessDenied('Access Denied');
  }

  /** Looks at the database for those who are no administrators. */
  async isAllowed(caller: Caller, operation: Operation, stream: string): Promise<boolean> {
    if (caller.groups.includes(ADMINS)) return true;
    const original = originalOf(stream);
    const own = aclOf((await this.reader.state(original)).rawMetadata);
    const names = rolesFor(keyOf(operation, isMetastream(stream)), original, own, await this.settings());
    return names.some((name) => name === EVERYONE || name === caller.name || caller.groups.includes(name));
  }

  /** The latest event of `$settings`. */
  private async settings(): Promise<Record<string, unknown>> {
    const { last } = await this.reader.state(SETTINGS);
    if (last < 0n) return {};
    const place = { stream: SETTINGS, from: last, to: last, since: 0, direction: 'backwards', limit: 1 } as const;
    const [latest] = await this.reader.stream(place);
    return parseJson(latest?.data);
  }
}

/** Metadata streams have rights of their own; only deleting has not. */
function keyOf(operation: Operation, ofMetadata: boolean): string {
  if (operation === 'delete') return '$d';
  return { read: ofMetadata ? '$mr' : '$r', write: ofMetadata ? '$mw' : '$w' }[operation];
}

function rolesFor(key: string, stream: string, own: Acl, settings: Record<string, unknown>): readonly string[] {
  const isSystem = stream.startsWith('$');
  const byDefault = settings[isSystem ? '$systemStreamAcl' : '$userStreamAcl'];
  const roles = own[key] ?? (isObject(byDefault) ? byDefault[key] : undefined) ?? (isSystem ? ADMINS : EVERYONE);
  return [roles].flat().filter((role) => typeof role === 'string');
}
