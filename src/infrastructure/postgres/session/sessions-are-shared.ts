/** A lock of a session is worth nothing where several clients have that session: two would hold it at once. */
export class SessionsAreShared extends Error {
  override readonly name = 'SessionsAreShared';

  constructor() {
    super(
      'DATABASE_URL: expected connections that each stay one session of Postgres, got one whose session changes or is ' +
        "shared (a pooler in transaction mode is in between): use Postgres' own address, or a pooler in session mode",
    );
  }
}
