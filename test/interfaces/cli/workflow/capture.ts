/** What a verb writes while it runs in this process. */
export const captured = async <T>(run: () => Promise<T>): Promise<Readonly<{ result: T; output: string }>> => {
  const original = process.stdout.write.bind(process.stdout);
  let output = '';
  process.stdout.write = (text: string | Uint8Array) => {
    output += typeof text === 'string' ? text : Buffer.from(text).toString();
    return true;
  };
  try {
    return { result: await run(), output };
  } finally {
    process.stdout.write = original;
  }
};
