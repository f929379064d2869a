/** Supabase's own client, for this server or a project of Supabase: `import { createClient } from '@/lib/supabase/client'`. */
import { createClient as createSupabaseClient, type WebSocketLikeConstructor } from '@supabase/supabase-js';
import WebSocket from 'ws';

const LOCAL_SERVER = 'http://127.0.0.1:3000';
/** This server takes any key where none is set; the client requires a key. */
const ANY_KEY = 'anon';

/**
 * @param url of this server or a Supabase project; else `SUPABASE_URL`, `NEXT_PUBLIC_SUPABASE_URL`, http://127.0.0.1:3000
 * @param key else `SUPABASE_ANON_KEY`, `NEXT_PUBLIC_SUPABASE_ANON_KEY`, `anon`
 */
export const createClient = (
  url = setting('SUPABASE_URL') ?? LOCAL_SERVER,
  key = setting('SUPABASE_ANON_KEY') ?? ANY_KEY,
) =>
  createSupabaseClient(url, key, {
    auth: { autoRefreshToken: false, persistSession: false, detectSessionInUrl: false },
    // Node has a WebSocket of its own from version 22 on.
    realtime: 'WebSocket' in globalThis ? {} : { transport: WebSocket as unknown as WebSocketLikeConstructor },
  });

const setting = (name: string): string | undefined =>
  process.env[name] || process.env[`NEXT_PUBLIC_${name}`] || undefined;
