// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from "preact/hooks";

/** A value that components watch. Changes in one frame become one drawing. */
export class Store {
  #listeners = new Set();
  #scheduled = false;

  constructor(state) {
    this.state = state;
  }

  set(change) {
    this.state = { ...this.state, ...change };
    if (this.#scheduled) return;
    this.#scheduled = true;
    const tell = () => {
      this.#scheduled = false;
      for (const listener of this.#listeners) listener(this.state);
    };
    // A page in the background draws no frames, but what it says must be there when it comes back.
    if (document.hidden) queueMicrotask(tell);
    else requestAnimationFrame(tell);
  }

  watch(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export function useStore(store) {
  const [state, setState] = useState(store.state);
  useEffect(() => {
    setState(store.state);
    return store.watch(setState);
  }, [store]);
  return state;
}
