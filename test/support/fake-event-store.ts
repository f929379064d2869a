/**
 * A server of EventStoreDB's protocol that keeps nothing and answers each kind of call as it is set to: with what a real server
 * says while it refuses a user, has no leader, or is well.
 */
import { promisify } from 'node:util';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import gossipServices from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import rpc from '@eventstore/db-client/generated/status_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type * as Streams from '@eventstore/db-client/generated/streams_pb.js';
import streamServices from '@eventstore/db-client/generated/streams_grpc_pb.js';
import {
  Metadata,
  Server,
  ServerCredentials,
  status as codes,
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
} from '@grpc/grpc-js';

import { LOG_STREAM } from '../../src/application/log/log-identity.js';

type FakeAnswer = 'ok' | 'unauthenticated' | 'denied' | 'not-ready' | 'not-leader';
type Call = 'read' | 'all' | 'append' | 'subscribe' | 'gossip';

export type FakeEventStore = Readonly<{
  port: number;
  /** `esdb://` and the host, without parameters. */
  url: string;
  answers: Record<Call, FakeAnswer>;
  /** What the calls brought in the header `authorization`, one after the other. */
  authorizations: string[];
  /** Ends the calls that are open. */
  drop: () => void;
  close: () => Promise<void>;
}>;

type Tls = Readonly<{ certificate: Buffer; key: Buffer }>;

const failure = (answer: FakeAnswer) => {
  const metadata = new Metadata();
  if (answer === 'unauthenticated') return { code: codes.UNAUTHENTICATED, details: '', metadata };
  if (answer === 'denied') {
    metadata.set('exception', 'access-denied');
    return { code: codes.PERMISSION_DENIED, details: 'Access Denied', metadata };
  }
  if (answer === 'not-ready') return { code: codes.UNAVAILABLE, details: 'Server Is Not Ready', metadata };
  metadata.set('exception', 'not-leader');
  metadata.set('leader-endpoint-host', '127.0.0.1');
  metadata.set('leader-endpoint-port', '1');
  return { code: codes.NOT_FOUND, details: 'Leader info available', metadata };
};

/** The one event that is kept: by it an instance knows the log again. All of these servers are one log. */
let identity: Streams.ReadResp.ReadEvent.RecordedEvent | undefined;

export const startFakeEventStore = async (tls?: Tls): Promise<FakeEventStore> => {
  const answers: Record<Call, FakeAnswer> = { read: 'ok', all: 'ok', append: 'ok', subscribe: 'ok', gossip: 'ok' };
  const authorizations: string[] = [];
  const open = new Set<Readonly<{ end: () => void }>>();
  const server = new Server();
  const read: handleServerStreamingCall<Streams.ReadReq, Streams.ReadResp> = (call) => {
    authorizations.push(String(call.metadata.get('authorization')[0] ?? ''));
    const options = call.request.getOptions();
    const kind = options?.hasSubscription() ? 'subscribe' : options?.hasAll() ? 'all' : 'read';
    if (answers[kind] !== 'ok') return void call.emit('error', Object.assign(new Error(), failure(answers[kind])));
    if (kind === 'subscribe') {
      open.add(call);
      const confirmed = new streams.ReadResp.SubscriptionConfirmation().setSubscriptionId('1');
      call.write(new streams.ReadResp().setConfirmation(confirmed));
      return void call.write(new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp()));
    }
    if (kind === 'read') {
      const stream = options?.getStream()?.getStreamIdentifier();
      const name = Buffer.from(stream?.getStreamName_asU8() ?? []).toString();
      const forwards = options?.getReadDirection() === streams.ReadReq.Options.ReadDirection.FORWARDS;
      if (name === LOG_STREAM && identity && forwards && !Number(options?.getStream()?.getRevision() ?? 0)) {
        call.write(new streams.ReadResp().setEvent(new streams.ReadResp.ReadEvent().setEvent(identity)));
        return void call.end();
      }
      call.write(
        new streams.ReadResp().setStreamNotFound(new streams.ReadResp.StreamNotFound().setStreamIdentifier(stream)),
      );
    }
    call.end();
  };
  const batchAppend: handleBidiStreamingCall<Streams.BatchAppendReq, Streams.BatchAppendResp> = (call) => {
    authorizations.push(String(call.metadata.get('authorization')[0] ?? ''));
    // As a real server does, where it does not know the user: the call ends, and says nothing of any append.
    if (answers.append === 'unauthenticated')
      return void call.emit('error', Object.assign(new Error(), failure(answers.append)));
    open.add(call);
    call.on('end', () => call.end());
    call.on('data', (request: Streams.BatchAppendReq) => {
      if (answers.append === 'ok') identity ??= identityIn(request);
      const answer = new streams.BatchAppendResp().setCorrelationId(request.getCorrelationId());
      call.write(
        answers.append === 'ok' ? answer.setSuccess(taken(request)) : answer.setError(refused(answers.append)),
      );
    });
  };
  const members: handleUnaryCall<unknown, InstanceType<typeof gossip.ClusterInfo>> = (_, callback) =>
    answers.gossip === 'unauthenticated' || answers.gossip === 'denied'
      ? callback(Object.assign(new Error(), failure(answers.gossip)))
      : callback(null, cluster(port, answers.gossip === 'ok'));
  server.addService(streamServices.StreamsService, { read, batchAppend });
  server.addService(gossipServices.GossipService, { read: members });
  const credentials = tls
    ? ServerCredentials.createSsl(null, [{ cert_chain: tls.certificate, private_key: tls.key }])
    : ServerCredentials.createInsecure();
  const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', credentials);
  const drop = () => {
    for (const call of open) call.end();
    open.clear();
  };
  return {
    ...{ port, url: `esdb://127.0.0.1:${port}`, answers, authorizations, drop },
    close: async () => server.forceShutdown(),
  };
};

const identityIn = (request: Streams.BatchAppendReq): Streams.ReadResp.ReadEvent.RecordedEvent | undefined => {
  const stream = request.getOptions()?.getStreamIdentifier();
  const [proposed] = request.getProposedMessagesList();
  if (!proposed || Buffer.from(stream?.getStreamName_asU8() ?? []).toString() !== LOG_STREAM) return undefined;
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent()
    .setId(proposed.getId())
    .setStreamIdentifier(stream)
    .setStreamRevision('0')
    .setCommitPosition('1')
    .setPreparePosition('1')
    .setData(proposed.getData_asU8())
    .setCustomMetadata(proposed.getCustomMetadata_asU8());
  for (const [key, value] of proposed.getMetadataMap().entries()) recorded.getMetadataMap().set(key, value);
  recorded.getMetadataMap().set('created', '17638000000000000');
  return recorded;
};

const taken = (request: Streams.BatchAppendReq) =>
  new streams.BatchAppendResp.Success()
    .setCurrentRevision(String(request.getProposedMessagesList().length - 1))
    .setPosition(new shared.AllStreamPosition().setCommitPosition('1').setPreparePosition('1'));

/** Of one append; a server that is not ready says so with a code that means success elsewhere. */
const refused = (answer: FakeAnswer) => {
  const { code, details } = failure(answer);
  return new rpc.Status().setCode((answer === 'denied' ? code : 0) as never).setMessage(details);
};

const cluster = (port: number, hasLeader: boolean) => {
  const { LEADER, UNKNOWN } = gossip.MemberInfo.VNodeState;
  const member = new gossip.MemberInfo()
    .setInstanceId(new shared.UUID().setString('00000000-0000-4000-8000-000000000001'))
    .setTimeStamp('0')
    .setState(hasLeader ? LEADER : UNKNOWN)
    .setIsAlive(true)
    .setHttpEndPoint(new gossip.EndPoint().setAddress('127.0.0.1').setPort(port));
  return new gossip.ClusterInfo().setMembersList([member]);
};
