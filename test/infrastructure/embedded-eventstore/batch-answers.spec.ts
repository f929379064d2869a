import statusMessages from '@eventstore/db-client/generated/status_pb.js';
import { errorStatus } from '../../../src/infrastructure/embedded-eventstore/rpc/batch-answers.js';
import { appendTooLarge, invalidArgument } from '../../../src/infrastructure/embedded-eventstore/wire/errors.js';

/** google.rpc.Code and the type of the details, as a caller gets them. */
function told(error: unknown) {
  const status = statusMessages.Status.deserializeBinary(errorStatus(error).serializeBinary());
  return [status.getCode(), status.getMessage(), status.getDetails()?.getTypeName()];
}

test('a refusal is the fault of the caller, any other error is not', () => {
  expect(told(invalidArgument('Expected more'))).toEqual([3, 'BadRequest', 'event_store.client.BadRequest']);
  expect(told(appendTooLarge(1))).toEqual([
    ...[3, 'MaximumAppendSizeExceeded', 'event_store.client.MaximumAppendSizeExceeded'],
  ]);
  expect(told(new TypeError('x is undefined'))).toEqual([13, 'x is undefined', 'google.protobuf.Empty']);
});
