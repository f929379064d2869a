import { NotReady } from '../../../application/runtime/errors.js';

/** SQLSTATE classes and system errors that speak of the connection, not of the statement. */
const CONNECTION_ERRORS = /^(08|57P0|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|53300)/;
const CONNECTION_MESSAGES =
  /connection (terminated|ended)|timeout exceeded when trying to connect|^timeout expired$|not queryable/i;

/** Whether the database was away, so that the same statement may do later. */
export const isConnectionLoss = (error: unknown): boolean => {
  const { code, message, syscall } = error as { code?: string; message?: string; syscall?: string };
  // A socket's file that is not there, or whose server has no room for one more.
  if (syscall === 'connect' && /^(ENOENT|EAGAIN)$/.test(code ?? '')) return true;
  return CONNECTION_ERRORS.test(code ?? '') || CONNECTION_MESSAGES.test(message ?? '');
};

/** The same port; while the database is away its calls are refused as NotReady, which is true now and may not be soon. */
export const readyUnlessAway = <Port extends object>(port: Port): Port =>
  new Proxy(port, {
    get: (target, key) => {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== 'function') return member;
      return async (...given: unknown[]): Promise<unknown> => {
        try {
          return await (member as (...given: unknown[]) => unknown).apply(target, given);
        } catch (error) {
          if (!isConnectionLoss(error)) throw error;
          throw new NotReady('The database cannot be reached at this moment; ask again', { cause: error });
        }
      };
    },
  });
