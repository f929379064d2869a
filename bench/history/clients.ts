/** The clients that make a long history, and read it. */

/** Pauses and resumes: each is one event. */
export const alternate = async (url: string, id: string, events: number): Promise<void> => {
  for (let count = 0; count < events; count++) {
    const action = count % 2 === 0 ? 'pause' : 'resume';
    const answer = await fetch(`${url}/api/v1/workflow/control`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ execution_id: id, action, actor_id: 'bench', reason: `order ${count}` }),
    });
    if (!answer.ok) throw new Error(`${action}: ${answer.status} ${await answer.text()}`);
    await answer.body?.cancel();
  }
};

export type Took = Readonly<{ firstMs: number; totalMs: number; body: Buffer }>;

/** From the request to the first byte of the answer's body, and to its last. */
export const firstByte = async (url: string, headers: Record<string, string>): Promise<Took> => {
  const asked = performance.now();
  const answer = await fetch(url, { headers });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  const parts: Uint8Array[] = [];
  let firstMs: number | undefined;
  for await (const part of answer.body!) {
    firstMs ??= performance.now() - asked;
    parts.push(part);
  }
  const totalMs = performance.now() - asked;
  return { firstMs: firstMs ?? totalMs, totalMs, body: Buffer.concat(parts) };
};

export const lastLine = (body: Buffer): unknown => JSON.parse(body.toString().trimEnd().split('\n').at(-1)!);
