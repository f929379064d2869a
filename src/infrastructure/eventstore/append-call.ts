/** A call to which appends are written and from which their answers come, over the client's channel or over a connection of its own. */
import type { EventStoreDBClient } from '@eventstore/db-client';
import type { AppendAnswer } from './append-messages.js';
import { callStreams, type Headers } from './streams-client.js';

export type AppendCall = Readonly<{
  /** A message of the protocol, without a prefix. */
  write: (message: Buffer) => void;
  cancel: () => void;
}>;

export type Heard = Readonly<{
  answered: (answer: AppendAnswer) => void;
  /** Once, when the call is over: nothing is heard after it. */
  lost: (error: Error) => unknown;
}>;

/** Opens a call. Where it throws, the call is over as well. */
export type OpenAppendCall = (heard: Heard) => Promise<AppendCall>;

/** A call over the client's channel, which the client renews when it fails. */
export const callOfClient =
  (client: EventStoreDBClient, headers: Headers): OpenAppendCall =>
  ({ answered, lost }) =>
    new Promise<AppendCall>((resolve, reject) => {
      const over = callStreams(client, 'batchAppend', headers, (streams, ...callArguments) => {
        const call = streams.batchAppend(...callArguments);
        call.on('data', answered);
        resolve({ write: (message) => void call.write(message), cancel: () => call.cancel() });
        return new Promise<never>((_, ended) => {
          call.on('error', ended);
          call.on('end', () => ended(new Error('The server has ended the call for appends')));
        });
      });
      over.catch((error: Error) => {
        lost(error);
        reject(error);
      });
    });
