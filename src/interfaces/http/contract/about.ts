/** What the OpenAPI document says of the whole. */

export const ABOUT = {
  title: 'Workflow executor',
  summary: 'Runs document-generation workflows and keeps their whole history.',
  description: [
    'Answers are `{success: true, data}` or `{success: false, error: {code, message, details}}`; a caller that names',
    '`application/problem+json` in `Accept` gets errors as RFC 9457 has them. Revisions and positions are strings.',
    'Parameters and members of bodies that a route does not know are refused; answers may come to have more members.',
    'Changes of the read tables come over a WebSocket at `/realtime/v1/websocket`, for the client of Supabase.',
  ].join('\n'),
  license: { name: 'MIT', identifier: 'MIT' },
};

const tag = (name: string, description: string) => ({ name, description });

export const TAGS = [
  tag('Executions', 'Start, control and read executions.'),
  tag('Streams', 'Executions as they happen, as server-sent events.'),
  tag('History', 'All events, what changed, two runs beside each other.'),
  tag('Audit', 'Reviews, signatures and the pack that proves a history.'),
  tag('Agents', 'Agents, their holds, and reports on tasks.'),
  tag('Document agents', 'The agents that this application has itself.'),
  tag('Webhooks', 'Events by `POST` to an address of the subscriber.'),
  tag('Access', 'Keys, grants and the access log.'),
  tag('Sign in', 'People, by an OpenID provider.'),
  tag('Read tables', 'Projections, rebuilds and what is held back.'),
  tag('Operation', 'Health, numbers, and this document.'),
];

export const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description:
      'An API key (`wfx_<id>_<secret>`), or an access token of the OpenID provider. With `AUTH=local` no credential is asked for.',
  },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'workflow_session',
    description:
      'The session of a person who signed in with a browser; behind TLS its name begins with `__Host-`. Writes need `X-CSRF-Token` beside it.',
  },
  installation: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Installation-Token',
    description:
      'By which an instance knows the calls of its own installation. With `AGENT_ROUTES=open` it is not asked for.',
  },
};
