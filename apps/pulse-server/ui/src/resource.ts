// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a view fetches for itself and may fetch again. Older answers never overtake newer ones.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import { messageOf } from './api/client';

export interface Resource<T> { value: T | null; error: string | null; reload: () => void }

export function useResource<T>(load: () => Promise<T>, dependencies: readonly unknown[], everyMs = 0): Resource<T> {
  const [state, setState] = useState<{ value: T | null; error: string | null }>({ value: null, error: null });
  const newest = useRef(0);
  const reload = useCallback(() => {
    const turn = ++newest.current;
    load().then(
      (value) => { if (turn === newest.current) setState({ value, error: null }); },
      (thrown: unknown) => {
        // Over what was shown, a failed refresh says nothing: the live state tells of the connection.
        if (turn === newest.current) setState((was) => ({ ...was, error: messageOf(thrown) }));
      });
  }, dependencies);
  useEffect(() => {
    reload();
    const timer = everyMs > 0 ? setInterval(reload, everyMs) : 0;
    return () => {
      newest.current += 1;
      clearInterval(timer);
    };
  }, [reload, everyMs]);
  return { ...state, reload };
}
