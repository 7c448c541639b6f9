// SPDX-License-Identifier: Apache-2.0
/* global ASSETS */
/** The address of a file that is loaded by name; the build names each after its content. */
export const assetUrl = (name) => new URL(ASSETS[name], import.meta.url).href;
