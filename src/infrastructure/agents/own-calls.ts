import { createHmac, timingSafeEqual } from 'node:crypto';
import { knownAgents } from './agent-urls.js';

const PURPOSE = 'workflow-executor/own-call/1';
const HEADER = 'x-installation-token';

/**
 * Marks this installation's calls of its own document agents: a token made of a secret that all instances on one database
 * have. It goes to the addresses at which they answer and nowhere else, as any process that has it can make such calls.
 */
export class InstallationToken {
  private readonly token: string;

  /**
   * @param addresses where this installation answers, asked at each call: our own address is known late
   * @param isOpen whether calls without the token are answered, too
   */
  constructor(
    secret: Uint8Array,
    private readonly addresses: () => readonly string[],
    private readonly isOpen: boolean,
  ) {
    this.token = createHmac('sha256', secret).update(PURPOSE).digest('base64url');
  }

  /** The header for a call of that URL: none where it leads elsewhere. */
  headersFor(url: URL): Readonly<Record<string, string>> {
    const isOurs = this.addresses().some((address) => isAgentAt(address, url));
    return isOurs ? { [HEADER]: this.token } : {};
  }

  isOwn(given: string | undefined): boolean {
    return this.isOpen || this.holds(given);
  }

  /** Whether it is the token, also where calls without it are answered. */
  holds(given: string | undefined): boolean {
    const [a, b] = [Buffer.from(given ?? ''), Buffer.from(this.token)];
    return a.byteLength === b.byteLength && timingSafeEqual(a, b);
  }
}

const isAgentAt = (address: string, url: URL): boolean => {
  if (!URL.canParse(address)) return false;
  const { origin, pathname } = new URL(address);
  const base = pathname.replace(/\/+$/, '');
  return origin === url.origin && knownAgents.some(({ path }) => url.pathname === base + path);
};
