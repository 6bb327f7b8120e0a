"""Common ground: values, errors, resources and outside tools. Imports nothing above itself."""
