/** The one message that stops a start: everything that is wrong, and where to read on. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';

  constructor(readonly problems: readonly string[]) {
    const list = problems.map((problem) => `  - ${problem}`).join('\n');
    super(
      `The configuration cannot be used:\n${list}\nCorrect the environment or .env; .env.example describes every name.`,
    );
  }
}

const SHOWN_CHARACTERS = 80;

/** What came, fit for a log: of a connection string only the scheme, of any other URL no user name and password. */
export function shown(name: string, value = ''): string {
  if (name === 'DATABASE_URL' || name === 'EVENTSTORE_URL') {
    const scheme = /^[a-z][a-z+]{0,20}:\/\//i.exec(value)?.[0];
    return scheme ? `"${scheme}[hidden]"` : `[hidden] (${value.length} characters)`;
  }
  if (name === 'AUDIT_SIGNING_KEY') return `[hidden] (${value.length} characters)`;
  const safe = value.replace(/\/\/[^/]*@/, '//[hidden]@').replace(/\?.*/s, '?[hidden]');
  return JSON.stringify(safe.length > SHOWN_CHARACTERS ? `${safe.slice(0, SHOWN_CHARACTERS)}...` : safe);
}
