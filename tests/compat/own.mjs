// Where things are on ferrobee's own page: it lists devices, and that is all.

/** Opens the list of devices. */
export async function devices() {}

/** Addresses of all pages. */
export async function pages() {
  return ["/"];
}
