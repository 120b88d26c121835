"""What there is: servers, apps, devices and who may call whom; checked before anything starts."""
