/** Of several processes that find no server, one starts it: where two start one at once, either may take the other's file for a stale one. */
import { hash } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/**
 * A name that one process can listen at. The system frees it when the process ends, however it ends. Another program that takes it makes
 * a start fail at its own limit, and can do no more than that.
 */
const nameOf = (directory: string): string | undefined => {
  const name = `workflow-executor-postgres-${hash('sha256', directory).slice(0, 32)}`;
  if (process.platform === 'linux') return `\0${name}`;
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : undefined;
};

/** Where the system has no such names, or none for this process, everybody holds it: Postgres' own files have to do there. */
export class StartLock {
  private server: Server | undefined;
  private held = false;

  /** @param directory of the cluster */
  constructor(private readonly directory: string) {}

  get isHeld(): boolean {
    return this.held;
  }

  /** @returns false where another process has it */
  async tryTake(): Promise<boolean> {
    const path = nameOf(this.directory);
    if (this.held || path === undefined) return (this.held = true);
    const server = createServer((socket) => socket.destroy());
    server.unref();
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      server.once('error', resolve);
      server.listen({ path }, () => resolve(undefined));
    });
    if (error?.code === 'EADDRINUSE') return false;
    if (!error) this.server = server;
    return (this.held = true);
  }

  release(): void {
    this.held = false;
    this.server?.close();
    this.server = undefined;
  }
}
