import { stat } from 'node:fs/promises';
import { signatureHeaders } from '../../application/webhooks/signature.js';
import type { Clock } from '../../application/runtime/clock.js';
import type { Notify } from '../../application/runtime/errors.js';
import type { AgentCredentialValues } from '../config/variables.js';
import { type Credentials, readCredentials } from './credentials.js';
import { searchable } from './hidden-secrets.js';

/** How often a file is looked at, at most, milliseconds. */
const LOOK_MS = 1_000;
/** An answer to a call that went out before a change may repeat what was sent then. */
const EARLIER_KEPT = 4;
const READABLE_BY_ALL = 0o004;

type Known = {
  readonly values: AgentCredentialValues;
  credentials: Credentials;
  /** Of former contents of the files. */
  earlier: readonly (readonly string[])[];
  /** How the files were when they were last read. */
  stamp: string;
  lookedAt: number;
  looking: Promise<void> | undefined;
  /** What was last logged of its files, so that it is logged once. */
  logged: string;
};

/** What a call carries beside the work, and what must not be recorded of its answer. */
export type CallCredentials = Readonly<{ headers: Readonly<Record<string, string>>; secrets: readonly string[] }>;

const NONE: CallCredentials = { headers: {}, secrets: [] };

/**
 * The headers and signatures of calls, of each agent. Files are looked at again before a call, at most once a second, and read when
 * they have changed; where they cannot be used any more, what was read before stays in use.
 * Agents are named as in their settings: in upper case, with _ for - .
 */
export class AgentCredentials {
  private readonly known: ReadonlyMap<string, Known>;
  private readonly openFiles = new Set<string>();

  /** @throws Error with all that is wrong with the files */
  private constructor(
    settings: Readonly<Record<string, AgentCredentialValues>>,
    private readonly clock: Clock,
    private readonly notify: Notify,
  ) {
    const problems: string[] = [];
    this.known = new Map(
      Object.entries(settings).map(([agent, values]): [string, Known] => {
        const read = readCredentials(agent, values);
        problems.push(...read.problems);
        const unseen = { stamp: '', lookedAt: -Infinity, looking: undefined, logged: '' };
        return [agent, { values, credentials: read.credentials, earlier: [], ...unseen }];
      }),
    );
    if (problems.length > 0) throw new Error(problems.join('\n'));
  }

  static async open(
    settings: Readonly<Record<string, AgentCredentialValues>>,
    clock: Clock,
    notify: Notify,
  ): Promise<AgentCredentials> {
    const opened = new AgentCredentials(settings, clock, notify);
    await Promise.all([...opened.known].map(([agent, known]) => opened.lookAgain(agent, known)));
    return opened;
  }

  /**
   * @param id the same for all repetitions of the call
   * @param body as it is sent
   */
  async forCall(agent: string, id: string, body: string): Promise<CallCredentials> {
    const known = this.known.get(agent);
    if (!known) return NONE;
    await this.lookAgain(agent, known);
    const { headers, signingSecrets } = known.credentials;
    const signature = signingSecrets.length > 0 ? signatureHeaders(id, signingSecrets, body, this.clock.now()) : {};
    return { headers: { ...headers, ...signature }, secrets: secretsOf(known) };
  }

  /** Of all agents, for what an agent reports later, which may be any of them. */
  secrets(): readonly string[] {
    return searchable([...this.known.values()].flatMap(secretsOf));
  }

  /** What an operator may see. Undefined for an agent that is sent nothing more. */
  shown(agent: string): Readonly<{ headers: readonly string[]; signed: boolean }> | undefined {
    const credentials = this.known.get(agent)?.credentials;
    return credentials && { headers: Object.keys(credentials.headers), signed: credentials.signingSecrets.length > 0 };
  }

  /** Calls that come while the files are looked at wait for the one look. */
  private lookAgain(agent: string, known: Known): Promise<void> {
    const now = this.clock.now().getTime();
    // Also where the clock was set back.
    if (Math.abs(now - known.lookedAt) < LOOK_MS) return known.looking ?? Promise.resolve();
    known.lookedAt = now;
    known.looking = this.look(agent, known).finally(() => (known.looking = undefined));
    return known.looking;
  }

  private async look(agent: string, known: Known): Promise<void> {
    const { HEADERS_FILE, TOKEN_FILE, SIGNING_SECRET_FILE } = known.values;
    const files = [HEADERS_FILE, TOKEN_FILE, SIGNING_SECRET_FILE].filter((file) => file !== undefined);
    const stamp = (await Promise.all(files.map((file) => this.stampOf(file)))).join(' ');
    if (stamp === known.stamp) return;
    // Taken before the files are read: what changes in between is seen by the next look.
    known.stamp = stamp;
    const { credentials, problems } = readCredentials(agent, known.values);
    if (problems.length > 0)
      return this.logOnce(known, `What calls carried before stays in use: ${problems.join(' ')}`);
    if (known.logged !== '') this.notify('log', `The files of AGENT_${agent}_... can be used again`);
    known.logged = '';
    const before = known.credentials.secrets;
    known.credentials = credentials;
    if (before.some((secret) => !credentials.secrets.includes(secret)))
      known.earlier = [before, ...known.earlier].slice(0, EARLIER_KEPT);
  }

  private logOnce(known: Known, line: string): void {
    if (known.logged !== line) this.notify('warn', line);
    known.logged = line;
  }

  private async stampOf(file: string): Promise<string> {
    try {
      const { ino, size, mtimeMs, ctimeMs, mode } = await stat(file);
      if ((mode & READABLE_BY_ALL) !== 0 && process.platform !== 'win32') this.logOpen(file);
      return [ino, size, mtimeMs, ctimeMs].join('-');
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'unknown';
    }
  }

  private logOpen(file: string): void {
    if (this.openFiles.has(file)) return;
    this.openFiles.add(file);
    this.notify(
      'warn',
      `${JSON.stringify(file)} holds a secret, and every user of this machine may read it. chmod 600 ends that`,
    );
  }
}

const secretsOf = ({ credentials, earlier }: Known): readonly string[] =>
  earlier.length === 0 ? credentials.secrets : searchable([...credentials.secrets, ...earlier.flat()]);
