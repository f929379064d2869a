import type { RealtimeClient } from '@supabase/supabase-js';

/** The library's own ways to disconnect leave timers behind, of 10 and of 50 seconds; a new channel takes the second back. */
export const letGo = (client: RealtimeClient): void => {
  client.channel('nothing');
  for (const channel of client.getChannels()) channel.teardown();
  const { socketAdapter } = client as unknown as { socketAdapter: { getSocket: () => { disconnect: () => void } } };
  socketAdapter.getSocket().disconnect();
};
