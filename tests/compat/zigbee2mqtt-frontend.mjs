// Where things are in zigbee2mqtt-frontend, the older one.

/** Opens the list of devices. */
export async function devices(page) {
  await page.getByRole("link", { name: "Devices" }).first().click();
}

/** Opens the page of a device; gives the row of one of its properties. */
export async function property(page, address, key) {
  await page.goto(new URL(`/#/device/${address}/exposes`, page.url()).href);
  const row = page
    .locator(`[title*="${key}"]`)
    .locator('xpath=ancestor::*[.//button[normalize-space()="ON"] or .//a[normalize-space()="ON"]][1]');
  await row.waitFor();
  return row;
}

/** Presses the button of a value. */
export async function choose(row, value) {
  await row.getByText(value, { exact: true }).click();
}

/** What a row shows. */
export async function shown(row) {
  const box = row.locator('input[type="checkbox"]');
  return (await box.count()) === 0 ? undefined : (await box.isChecked()) ? "ON" : "OFF";
}

/** Presses what closes the network. */
export async function closeNetwork(page) {
  await page.getByText("Disable join").first().click();
}

/** Addresses of all pages. */
export async function pages(page) {
  const hrefs = (links) => links.map((link) => link.getAttribute("href"));
  return page.locator('a[href^="#/"]').evaluateAll(hrefs);
}
