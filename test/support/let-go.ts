import type { RealtimeClient } from '@supabase/supabase-js';

/** The library's own ways to disconnect leave timers of 10 and 50 seconds behind; a new channel cancels the second. */
export const letGo = (client: RealtimeClient): void => {
  client.channel('nothing');
  for (const channel of client.getChannels()) channel.teardown();
  const { socketAdapter } = client as unknown as { socketAdapter: { getSocket: () => { disconnect: () => void } } };
  socketAdapter.getSocket().disconnect();
};
