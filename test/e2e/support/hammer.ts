/** Clients that never rest. A client that finds a port closed goes to the next; any other error is a failure. */
import { Agent, request } from 'undici';

export type Asked = Readonly<{ path: string; body: unknown }>;

const CLIENTS = 8;

export const hammer = (urls: readonly string[], ask: () => Asked) => {
  const failures: string[] = [];
  let [answered, refused, stopped] = [0, 0, false];
  const dispatcher = new Agent({ connections: CLIENTS, pipelining: 1 });
  const once = async (url: string): Promise<void> => {
    const { path, body } = ask();
    try {
      const answer = await request(url + path, {
        dispatcher,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const text = await answer.body.text();
      if (answer.statusCode >= 500) failures.push(`${answer.statusCode} ${text}`);
      else answered += 1;
    } catch (error) {
      if ((error as { code?: string }).code === 'ECONNREFUSED') refused += 1;
      else failures.push(String(error));
    }
  };
  const client = async (first: number) => {
    for (let turn = first; !stopped; turn += 1) await once(urls[turn % urls.length]!);
  };
  const clients = Array.from({ length: CLIENTS }, (_, index) => client(index));
  return {
    failures: failures as readonly string[],
    answered: () => answered,
    refused: () => refused,
    stop: async () => {
      stopped = true;
      await Promise.all(clients);
      await dispatcher.close();
    },
  };
};
