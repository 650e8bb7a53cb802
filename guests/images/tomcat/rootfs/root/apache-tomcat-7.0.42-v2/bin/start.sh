#!/bin/sh
# Starts the server and becomes it, so that the container lives as long as the server does.
CATALINA_HOME=/root/apache-tomcat-7.0.42-v2
export CATALINA_HOME
exec /usr/local/bin/tomcat
