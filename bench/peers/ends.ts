/** One stream of server-sent events with every execution that is completed. */
import { createParser } from 'eventsource-parser';
import { Client } from 'undici';

export type Ends = Readonly<{
  /** Resolves when the execution of this project is completed in the read tables. Ask before it is started. */
  of: (project: string) => Promise<void>;
  stop: () => Promise<void>;
}>;

type Completed = Readonly<{ execution: Readonly<{ project_id: string }> }>;

export const followEnds = async (url: string): Promise<Ends> => {
  const waiting = new Map<string, () => void>();
  const client = new Client(url, { bodyTimeout: 0 });
  const path = '/api/v1/workflow/stream?state=completed';
  const { statusCode, body } = await client.request({ method: 'GET', path, headers: { accept: 'text/event-stream' } });
  if (statusCode !== 200) throw new Error(`stream: ${statusCode} ${await body.text()}`);
  const parser = createParser({
    onEvent: ({ event, data }) => {
      if (event !== 'event') return;
      const { project_id: project } = (JSON.parse(data) as Completed).execution;
      waiting.get(project)?.();
      waiting.delete(project);
    },
  });
  const text = new TextDecoder();
  body.on('data', (chunk: Buffer) => parser.feed(text.decode(chunk, { stream: true })));
  body.on('error', () => undefined); // it is cut off by stop()
  return {
    of: (project) => new Promise((resolve) => waiting.set(project, resolve)),
    stop: () => client.destroy(),
  };
};
