/** A real browser, driven over its debugging protocol. It reaches this machine alone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import WebSocket from 'ws';
import { eventually } from './eventually.js';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-dev-shm-usage'],
  ...['--no-first-run', '--remote-debugging-port=0', '--window-size=1000,800'],
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

type Answer = Readonly<{ id?: number; method?: string; params?: unknown; result?: unknown; error?: unknown }>;

/** @throws Error where there is no Chromium: the test needs one */
export type Browser = Awaited<ReturnType<typeof startBrowser>>;

export const startBrowser = async () => {
  const program = process.env['CHROMIUM'] ?? PLACES.find(existsSync);
  if (program === undefined) throw new Error(`Expected Chromium at ${PLACES.join(', ')} or in CHROMIUM: install it`);
  const profile = await mkdtemp(path.join(tmpdir(), 'test-browser-'));
  const child = spawn(program, [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let told = '';
  child.stderr.on('data', (part) => (told += String(part)));
  const [, port] = await eventually(() => /127\.0\.0\.1:(\d+)\/devtools/.exec(told) ?? false, { deadlineMs: 30_000 });
  const pages = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
    type: string;
    webSocketDebuggerUrl: string;
  }[];
  const socket = new WebSocket(pages.find(({ type }) => type === 'page')!.webSocketDebuggerUrl);
  await once(socket, 'open');

  const waiting = new Map<number, (answer: Answer) => void>();
  /** What pages reported: refused by their policy, failed to load, thrown. */
  const complaints: string[] = [];
  socket.on('message', (text: Buffer) => {
    const answer = JSON.parse(text.toString()) as Answer;
    if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
    if (answer.method === 'Log.entryAdded') complaints.push(JSON.stringify(answer.params));
  });
  let last = 0;
  const send = async (method: string, params: object = {}): Promise<Record<string, unknown>> => {
    const id = ++last;
    const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await answered;
    if (error) throw new Error(`${method}: ${JSON.stringify(error)}`);
    return result as Record<string, unknown>;
  };
  await send('Log.enable');
  await send('Page.enable');

  /** @param expression of the page; a promise is awaited */
  const evaluate = async (expression: string): Promise<unknown> => {
    const answer = await send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    const { result, exceptionDetails } = answer as { result: { value?: unknown }; exceptionDetails?: unknown };
    if (exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return result.value;
  };
  return {
    complaints,
    evaluate,
    go: (url: string) => send('Page.navigate', { url }),
    /** Waits until the page shows the text, whatever page that is by then. */
    shows: (text: string | RegExp) =>
      eventually(async () => {
        const shown = String(await evaluate('document.readyState === "complete" ? document.body.innerText : ""'));
        if (typeof text === 'string' ? shown.includes(text) : text.test(shown)) return shown;
        throw new Error(`Expected ${String(text)} on the page, it shows: ${shown.slice(0, 500)}`);
      }),
    click: (selector: string) => evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`),
    screenshot: async (): Promise<Buffer> =>
      Buffer.from(String((await send('Page.captureScreenshot', { format: 'png' }))['data']), 'base64'),
    close: async () => {
      socket.terminate();
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
};
