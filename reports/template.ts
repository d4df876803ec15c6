/** Where the built page template lies. */

/** Path of the template inside a package folder, with forward slashes. */
export const templatePath = (packageRoot: string): string =>
  `${packageRoot.replace(/[/\\]+$/, '')}/dist/report/template.html`
