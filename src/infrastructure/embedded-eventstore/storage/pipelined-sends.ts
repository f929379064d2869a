import { ServerInterceptingCall, type ServerInterceptingCallInterface, type ServerInterceptor } from '@grpc/grpc-js';
import { StreamsService } from '../wire/protocol.js';

/**
 * Left alone, the library sends the next message of a read when the one before has left, each with a system call of its
 * own. This lets messages of up to `bytes` be on their way at once, so that they leave together.
 */
export function pipelinedReads(bytes: number): ServerInterceptor {
  return (method, call) =>
    method.path === StreamsService.read.path ? new PipelinedSends(call, bytes) : (call as ServerInterceptingCall); // as it is
}

class PipelinedSends extends ServerInterceptingCall {
  private underWay = 0;
  private goOn: (() => void) | undefined;

  constructor(
    call: ServerInterceptingCallInterface,
    private readonly limit: number,
  ) {
    super(call);
  }

  override sendMessage(message: unknown, next: () => void): void {
    const size = Buffer.isBuffer(message) ? message.length : this.limit;
    this.underWay += size;
    super.sendMessage(message, () => {
      this.underWay -= size;
      const goOn = this.goOn;
      this.goOn = undefined;
      goOn?.();
    });
    if (this.underWay < this.limit) next();
    else this.goOn = next;
  }
}
