/** What a client asks before it works: which calls are served, and which node to use. */
import type { handleUnaryCall } from '@grpc/grpc-js';
import {
  features,
  gossip,
  shared,
  ServerFeaturesService,
  GossipService,
  StreamsService,
  type Features,
  type Gossip,
  type Shared,
} from '../wire/protocol.js';

/** The server version whose behaviour this node follows. */
const FOLLOWED_VERSION = '23.10.0';
const TICKS_PER_MILLISECOND = 10_000n;

/**
 * Not served, and yet named: where a server does not name them, the client asks for them by HTTP, and its error would say nothing. As
 * it is, it says that they are not implemented.
 */
const UNSERVED = {
  service: 'event_store.client.persistent_subscriptions.persistentsubscriptions',
  methods: ['create', 'update', 'delete', 'read', 'getinfo', 'replayparked', 'list', 'restartsubsystem'],
  features: ['stream', 'all'],
};

export function featuresHandler(): handleUnaryCall<Shared.Empty, Features.SupportedMethods> {
  const answer = new features.SupportedMethods().setEventStoreServerVersion(FOLLOWED_VERSION);
  const methods: Readonly<{ path: string }>[] = [StreamsService, GossipService, ServerFeaturesService].flatMap(
    (service: object) => Object.values(service) as { path: string }[],
  );
  for (const { path } of methods) {
    const [, service = '', method = ''] = path.toLowerCase().split('/');
    const supported = new features.SupportedMethod().setServiceName(service).setMethodName(method);
    if (service.endsWith('.streams') && method === 'read') supported.setFeaturesList(['position', 'events']);
    answer.addMethods(supported);
  }
  for (const method of UNSERVED.methods) {
    const named = new features.SupportedMethod().setServiceName(UNSERVED.service).setMethodName(method);
    answer.addMethods(named.setFeaturesList(UNSERVED.features));
  }
  return (_call, callback) => callback(null, answer);
}

/** A cluster of one, which leads. */
export function gossipHandler(
  instanceId: string,
  advertised: Readonly<{ host: string; port: number }>,
): handleUnaryCall<Shared.Empty, Gossip.ClusterInfo> {
  return (_call, callback) => {
    const member = new gossip.MemberInfo();
    member.setInstanceId(new shared.UUID().setString(instanceId));
    member.setTimeStamp((BigInt(Date.now()) * TICKS_PER_MILLISECOND).toString());
    member.setState(gossip.MemberInfo.VNodeState.LEADER);
    member.setIsAlive(true);
    member.setHttpEndPoint(new gossip.EndPoint().setAddress(advertised.host).setPort(advertised.port));
    callback(null, new gossip.ClusterInfo().setMembersList([member]));
  };
}
