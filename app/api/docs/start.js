// A file of its own, because the Content-Security-Policy forbids scripts inside the page.

// Each field of the Authorize dialog asks for the focus and the last one gets it, but people paste into the first.
const focusFirstToken = {
  wrapComponents: {
    authorizationPopup: (Dialog, { React }) => (props) => {
      React.useEffect(() => document.querySelector(".auth-container input")?.focus(), []);
      return React.createElement(Dialog, props);
    },
  },
};

window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  plugins: [focusFirstToken],
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
